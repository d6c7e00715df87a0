// Who a command is: users and groups of the image's own passwd(5) and group(5), which may hold anything.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct UserTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.write(
            "root/etc/passwd",
            """
            root:x:0:0:root:/root:/bin/sh
            user:x:1000:1000:A user:/home/user:/bin/sh
            user:x:7:7:another line of that name:/other:/bin/sh
            bare:x:1001:1002
            toor:x:0:0::/toor:
            """)
        try world.write(
            "root/etc/group",
            """
            root:x:0:toor
            user:x:1000:
            near:x:1003:user2,user3
            extra:x:1001:other,user,third
            last:x:1002:user
            user:x:1000:user
            """)
    }

    /// `uid gid groups home`, as the kernel has them: programs that look for names complain of odd files.
    private func identity(_ user: String, _ mode: String = "range") throws -> Outcome {
        let list = #"awk '/^[UG]id/ { print $2 } /^Groups/ { $1 = ""; print }' /proc/self/status"#
        return try world.run(["--id-map", mode, "--user", user], "echo $(\(list)) $HOME")
    }

    @Test(arguments: [
        ("user", "1000 1000 1000 1001 1002 /home/user"), ("1000", "1000 1000 1000 1001 1002 /home/user"),
        ("user:extra", "1000 1001 1001 /home/user"), ("user:1003", "1000 1003 1003 /home/user"),
        ("1000:extra", "1000 1001 1001 /home/user"), ("1000:4000", "1000 4000 4000 /home/user"),
        ("bare", "1001 1002 1002 /"), ("4242", "4242 0 0 /"), ("4242:55", "4242 55 55 /"),
        ("4242:last", "4242 1002 1002 /"), ("root", "0 0 0 /root"), ("0", "0 0 0 /root"), ("toor", "0 0 0 /toor"),
        ("7", "7 7 7 1001 1002 /other"),
    ])
    func groupsAreThoseOfTheImage(_ user: String, _ expected: String) throws {
        // Groups in the order of their numbers, but for the first.
        let outcome = try identity(user)
        #expect(
            outcome.output == expected.replacing("7 7 7 1001 1002", with: "7 7 7 1000 1001 1002") + "\n", "\(outcome)")
    }

    @Test func idSaysSo() throws {
        #expect(
            try world.run(["--user", "user"], "id").output
                == "uid=1000(user) gid=1000(user) groups=1000(user),1001(extra),1002(last)\n")
        #expect(
            try world.run(["--user", "user:last"], "id").output == "uid=1000(user) gid=1002(last) groups=1002(last)\n")
    }

    /// One id, which has the user's number in a namespace of its own; groups can't be had.
    @Test(arguments: [
        ("user", "1000 1000 /home/user"), ("user:extra", "1000 1001 /home/user"), ("bare", "1001 1002 /"),
        ("1234:55", "1234 55 /"), ("4000000000", "4000000000 0 /"), ("toor", "0 0 /toor"), ("root", "0 0 /root"),
        ("0", "0 0 /root"),
    ])
    func withOneIdTheNumbersAreTheSame(_ user: String, _ expected: String) throws {
        let outcome = try world.run(
            ["--id-map", "single", "--user", user], "echo $(id -u) $(id -g) $HOME; cat /etc/group")
        #expect(outcome.lines.first == expected && outcome.lines.count > 1, "\(outcome)")
    }

    private func refused(_ outcome: Outcome, _ says: String) {
        #expect(outcome.status == 125 && outcome.output.isEmpty, "\(outcome)")
        #expect(outcome.errors.split(separator: "\n").count == 1 && outcome.errors.contains(says), "\(outcome.errors)")
    }

    static let beyond = [
        "4294967295", "4294967296", "4294968296", "18446744073709551616", "99999999999999999999999", "-1",
    ]

    @Test(arguments: beyond)
    func numbersBeyondAreRefused(_ number: String) throws {
        for user in [number, "user:" + number, "0:" + number, number + ":0"] {
            for mode in ["range", "single"] {
                refused(try identity(user, mode), "an id is a number from 0 to 4294967294")
            }
        }
    }

    @Test(
        .enabled(if: Files.isAccessible("/usr/bin/python3", 1), "needs python3"),
        arguments: ["4294967295", "4294967296", "-1", "0:4294967296", "nobodyhere", "root:nobodyhere"])
    func anImagesOwnChoiceIsNoMoreTrusted(_ user: String) throws {
        try world.makeRootArchive()
        _ = try makeImage(
            world, #"{"tag": "t", "config": {"User": "\#(user)"}, "layers": [{"tar": "root.tar"}]}"#, "made")
        _ = try world.sandbox(["load", "-q", "-i", "made", "img:1"])
        for mode in ["range", "single"] {
            let outcome = try world.sandbox(["run", "--id-map", mode, "img:1", "id"])
            refused(outcome, user.contains("nobodyhere") ? "no \"nobodyhere\"" : "an id is a number")
        }
    }

    @Test(
        arguments: beyond + ["", "text", "0x10", " 5", "+5", "1e3", "5 ", "\u{665}", "1000\0"], ["range", "single"])
    func linesWithoutAnIdAreRefused(_ id: String, _ mode: String) throws {
        func write(_ file: String, _ line: String) throws {
            try world.write("root/etc/\(file)", line + "\n")
        }
        let says = "has an id that is not a number"
        try write("passwd", "user:x:\(id):1000::/:")
        refused(try identity("user", mode), "/etc/passwd \(says)")
        try write("passwd", "user:x:1000:\(id)::/:")
        refused(try identity("user", mode), "/etc/passwd \(says)")
        refused(try identity("1000", mode), "/etc/passwd \(says)")
        try write("passwd", "user:x:1000:1000::/:")
        try write("group", "odd:x:\(id):user")
        refused(try identity("user:odd", mode), "/etc/group \(says)")
        refused(try identity("user", mode), "/etc/group \(says)")
        // What is not looked for is nobody's.
        #expect(try identity("user:5", mode).output.hasPrefix("1000 5 "))
    }

    /// Each stands in place of both files.
    @Test(
        arguments: [
            "mkfifo F", "mkdir F", "ln -s W/secret F", "ln -s ../../../../../../../../../..W/secret F", "ln -s F F",
            "ln -s /proc/self/fd/0 F", "ln -s /dev/stdin F", "ln -s /proc/1/root/W/secret F", "ln -s /dev/zero F",
            "ln -s /dev/tty F", "ln -s /proc/self/environ F", "true", "touch F",
        ], ["range", "single"])
    func filesThatAreNoneHoldNobody(_ make: String, _ mode: String) throws {
        try world.write("secret", "user:x:7:7:user:/secret:/bin/sh\n")
        let script = make.replacing("W/", with: world.folder + "/")
        for name in ["passwd", "group"] {
            try world.sh("cd root/etc; rm \(name); \(script.replacing("F", with: name))")
        }
        // Programs that look names up wait for a fifo without end.
        func run(_ user: String) throws -> Outcome {
            try world.sh(
                """
                timeout -k 5 30 "$SANDBOX" run --id-map \(mode) --user \(user) ./root sh -c \
                'echo $(awk "/^[UG]id/ { print \\$2 }" /proc/self/status) $HOME' <secret
                """)
        }
        refused(try run("user"), "no \"user\"")
        refused(try run("5:user"), "no \"user\"")
        #expect(try run("5").output == "5 0 /\n")
    }

    @Test(.enabled(if: Files.isAccessible("/usr/bin/python3", 1), "needs python3"))
    func longFilesAreReadToAnEnd() throws {
        func write(_ file: String, _ program: String) throws {
            let made = try world.sh("python3 -c 'print(\(program))' >root/etc/\(file)")
            try #require(made.status == 0, "\(made.errors)")
        }
        try write("passwd", #""\n".join(f"u{i}:x:{i}:1" for i in range(2000, 1000000)) + "\nuser:x:7:8::/found:""#)
        #expect(try identity("user").output == "7 8 8 1000 1001 1002 /found\n")
        try world.write("root/etc/passwd", "user:x:7:8::/found:")
        try write("group", #""\n".join(f"g{i}:x:{i}:u" for i in range(1000000)) + "\nlast:x:9:u1,user""#)
        #expect(try identity("user").output == "7 8 8 9 /found\n")
        // Beyond all measure: refused, and in bounded memory.
        try write("group", #""g:x:5:" + "user," * 300000"#)
        refused(try identity("user"), "/etc/group has more than 64 MiB, or a line of more than one")
        try write("group", #""g:x:5:nobody\n" * 6000000"#)
        refused(try identity("user"), "/etc/group has more than 64 MiB")
        #expect(try identity("user:5").output == "7 5 5 /found\n")
        let small = try world.sh("ulimit -v 200000; \"$SANDBOX\" run --user user ./root true")
        refused(small, "/etc/group has more than 64 MiB")
    }
}
