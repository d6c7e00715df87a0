// What of the caller's might be in reach inside: descriptors, namespaces, variables; and what of theirs reaches helpers.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct LeakTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    @Test func noDescriptorOfTheCallersIsOpenInside() throws {
        try world.write("outside/secret", "secret\n")
        let script = "ls /proc/self/fd; for n in 3 100; do cat /proc/self/fd/$n/outside/secret; done 2>/dev/null"
        func ran(_ command: String) throws -> Outcome { try world.sh("exec 3<. 100<. 7>leak; exec \(command)") }
        let inside = try ran("\"$SANDBOX\" run ./root sh -c '\(script)'")
        // The reading of the folder itself shows as one more.
        #expect(inside.lines.filter { !["0", "1", "2"].contains($0) }.count <= 1, "\(inside.output)")
        let outside = try ran("sh -c '\(script)'")
        #expect(outside.lines.filter { $0 == "secret" }.count == 2)
    }

    @Test func tenThousandDescriptorsOfTheCallersAreClosed() throws {
        try world.compile("open-many")
        let count = try world.sh("ulimit -Hn").output.split(separator: "\n").first.flatMap { Int($0) } ?? 1 << 20
        let wanted = min(10_000, count - 10)
        let outcome = try world.sh("./open-many \(wanted) \"$SANDBOX\" run ./root sh -c 'echo /proc/self/fd/*'")
        #expect(outcome.lines.first == "\(wanted)")
        #expect(outcome.lines.last?.split(separator: " ").count ?? 99 <= 4, "\(outcome.lines.last ?? "")")
        let outside = try world.sh("./open-many \(wanted) sh -c 'echo /proc/self/fd/*'")
        #expect(outside.lines.last?.split(separator: " ").count ?? 0 > wanted)
    }

    @Test func aFolderAsStandardInputIsRefused() throws {
        let outcome = try world.sh("\"$SANDBOX\" run ./root ls /proc/self/fd/0/ </")
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.errors.contains("descriptor 0"))
        #expect(try world.sh("ls /proc/self/fd/0/ </").output.contains("etc"))
    }

    @Test func aWorkFolderThatIsADescriptorOfTheCaller() throws {
        let outcome = try world.sh(
            "exec 7</; \"$SANDBOX\" run -w /proc/self/fd/7 ./root ls; \"$SANDBOX\" run ./root /proc/self/fd/7/bin/true")
        #expect(outcome.output.isEmpty)
        #expect(outcome.status == 127)
        #expect(try world.sh("exec 7</; cd /proc/self/fd/7 && ls").output.contains("etc"))
    }

    @Test(arguments: [["--upper", "disk"], ["--upper", "./up"], ["--name", "n"]])
    func aWorkFolderThatIsADescriptorOfTheLauncher(_ options: [String]) throws {
        try world.sh("ln -s /proc/self/fd root/fds")
        for number in 3...12 {
            let outcome = try world.sandbox(
                ["run"] + options + [
                    "--workdir", "/fds/\(number)", "./root", "sh", "-c", "cd ../../../../../../..; ls",
                ])
            #expect(outcome.status == 125 && outcome.output.isEmpty, "\(number): \(outcome.output)")
            _ = try world.sandbox(["rm", "n"])
        }
    }

    /// A namespace that the caller may enter, open in the caller.
    @Test func aNamespaceOfTheCallersIsNotEnteredFromInside() throws {
        try world.compile("enter")
        func entered(_ command: String) throws -> String {
            try world.sh(
                "exec 4< <(exec unshare -U sh -c 'echo; exec sleep 20'); read -u 4; exec 5</proc/$!/ns/user; "
                    + "\(command); kill $!"
            ).output
        }
        #expect(try entered("./enter 5") == "0\n")
        #expect(try entered("\"$SANDBOX\" run ./root enter 5") == "\(EPERM)\n")
        #expect(try entered("\"$SANDBOX\" run --seccomp none --cap-add ALL ./root enter 5") == "\(EBADF)\n")
    }

    @Test func noVariableOfTheCallersIsSeen() throws {
        let outcome = try world.sandbox(
            ["run", "--env", "GIVEN", "--env", "SET=x\ny", "--env", "ABSENT", "./root", "env"],
            environment: ["SECRET": "1", "GIVEN": "2\nHOME=/forged", "LD_PRELOAD": "/nonexistent"])
        #expect(
            Set(outcome.lines) == [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=sandbox", "HOME=/root",
                "GIVEN=2", "HOME=/forged", "SET=x", "y",
            ])
        // A variable stays one, whatever is in it.
        let home = try world.sandbox(
            ["run", "--env", "GIVEN", "./root", "sh", "-c", "echo $HOME"], environment: ["GIVEN": "2\nHOME=/forged"])
        #expect(home.output == "/root\n")
        #expect(try world.sh("env", environment: ["SECRET": "1"]).output.contains("SECRET=1"))
    }

    /// Set-up of the ids is by set-user-id programs: nothing that steers a loader may reach them.
    @Test func noVariableOfTheCallersOrTheImagesReachesTheHelpers() throws {
        let outcome = try world.sh(
            """
            strace -f -v -s 4096 -e trace=execve -o trace \
            "$SANDBOX" run --id-map range --env LD_PRELOAD=/image.so --env LD_LIBRARY_PATH=/image ./root true
            grep -c 'newuidmap.*\\["PATH=/usr/bin:/bin"\\]' trace; grep -c 'newgidmap.*\\["PATH=/usr/bin:/bin"\\]' trace
            grep 'uidmap\\|gidmap\\|sandbox-manage' trace | grep -c 'image'
            """, environment: ["LD_PRELOAD": "/caller.so", "LD_LIBRARY_PATH": "/caller", "GLIBC_TUNABLES": "x=1"])
        #expect(outcome.lines == ["1", "1", "0"], "\(outcome)")
        // The launcher itself was given them.
        #expect(try world.sh("grep -c 'LD_PRELOAD=/caller.so' trace").lines.first != "0")
    }

    /// An image's variables steer the image's own programs, and none of the launcher's.
    @Test func aPreloadOfTheImagesIsLoadedInsideOnly() throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/programs"
        try world.sh(
            """
            gcc -shared -fPIC -o preload.so '\(sources)/preload.c' && mkdir -p hostmarks &&
            cp preload.so root/preload.so && mkdir -m 777 root/marks
            """)
        let words = ["run", "--env", "LD_PRELOAD=/here/preload.so", "--env", "MARKS=/here/marks", "--bind", ".:/here"]
        try world.sh("mkdir -m 777 marks")
        let outcome = try world.sandbox(words + ["host", "/bin/ls", "/"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try world.sh("ls marks").output == "ls\n")
        // Given to the launcher's caller, it is in the programs that the caller starts.
        _ = try world.sh(
            "LD_PRELOAD=$PWD/preload.so MARKS=$PWD/hostmarks ls >/dev/null; ls hostmarks")
        #expect(try world.sh("ls hostmarks").output == "ls\n")
    }

    /// A socket of the host's that has a name and no file: a desktop session's, for one.
    @Test func anAbstractSocketOfTheHostsIsNotReached() throws {
        let name = "sandbox-test-\(Int.random(in: 1...1_000_000_000))"
        let connect =
            "import socket; s = socket.socket(socket.AF_UNIX); s.connect('\\0\(name)'); print(s.recv(9).decode())"
        let server = try world.start(
            "/usr/bin/python3",
            [
                "-c",
                """
                import socket; s = socket.socket(socket.AF_UNIX); s.bind('\\0\(name)'); s.listen(); print('ready', flush=True)
                while True: s.accept()[0].send(b'reached')
                """,
            ])
        defer { server.signal(SIGKILL) }
        try server.waitForOutput("ready")
        #expect(try world.sandbox(["run", "host", "python3", "-c", connect]).output.isEmpty)
        let shared = ["run", "--network", "host", "host", "python3", "-c", connect]
        if Landlock.version >= 6 { #expect(try world.sandbox(shared).output.isEmpty) }
        #expect(try world.sandbox(["run", "--landlock", "off"] + shared.dropFirst()).output == "reached\n")
    }
}
