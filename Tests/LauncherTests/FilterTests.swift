// Which filter is in force: by name, by file, and never one that was not made from what is asked for now.

import Foundation
import LinuxSystem
import SandboxPolicy
import TestWorld
import Testing

struct FilterTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    /// Allows everything but this call.
    private func write(_ file: String, without call: String) throws {
        try world.write(
            file,
            """
            {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["\(call)"], "action": "SCMP_ACT_ERRNO"}]}
            """)
    }

    private func makes(_ filter: String) throws -> Bool {
        try world.run(["--seccomp", filter], "mkdir /tmp/x").status == 0
    }

    private var entries: [String] {
        get throws {
            let folder = world.home + "/.cache/sandbox/filters"
            return try FileManager.default.contentsOfDirectory(atPath: folder).map { folder + "/" + $0 }
        }
    }

    @Test func eachNameIsAFilterOfItsOwn() throws {
        let probe =
            "chroot / true && echo chroot; ping -c 1 -W 1 127.0.0.1 >/dev/null 2>&1; mkfifo /tmp/f && echo mkfifo"
        #expect(try world.run(["--seccomp", "default"], probe).lines == ["chroot", "mkfifo"])
        #expect(try world.run(["--seccomp", "build"], probe).lines == ["chroot", "mkfifo"])
        #expect(try world.run(["--seccomp", "strict"], probe).lines == [])
        #expect(try world.run(["--seccomp", "none"], "grep Seccomp: /proc/self/status").output == "Seccomp:\t0\n")
        #expect(try world.run(["--profile", "strict"], probe).lines == [])
        #expect(try world.run(["--seccomp", "strict", "--allow", "mknodat"], probe).lines == ["mkfifo"])
    }

    @Test func aFileThatChangesIsReadAgain() throws {
        try write("f.json", without: "mkdir")
        #expect(try !makes("./f.json"))
        // The same size and the same times: only the content tells.
        try world.sh("cp -p f.json before; sed -i s/mkdir/rmdir/ f.json; touch -r before f.json")
        #expect(try makes("./f.json"))
        try world.sh("sed -i s/rmdir/mkdir/ f.json; touch -r before f.json")
        #expect(try !makes("./f.json"))
    }

    @Test func theEntryOfAnotherFilterIsNotBelieved() throws {
        try write("a.json", without: "mkdir")
        try write("b.json", without: "rmdir")
        #expect(try !makes("./a.json"))
        #expect(try makes("./b.json"))
        let (one, all) = (try #require(try entries.first), try entries)
        #expect(all.count == 2)
        for other in all where other != one { try world.sh("cp '\(one)' '\(other)'") }
        #expect(try !makes("./a.json"))
        #expect(try makes("./b.json"))
    }

    @Test func whatTheFilterDependsOnMakesAnother() throws {
        try write("f.json", without: "mkdir")
        #expect(try !makes("./f.json"))
        #expect(try world.run(["--seccomp", "./f.json", "--allow", "mkdir"], "mkdir /tmp/x").status == 0)
        #expect(try !makes("./f.json"))
        for options in [["--cap-drop", "ALL"], ["--id-map", "single"], ["--nested"]] {
            #expect(try world.run(["--seccomp", "./f.json"] + options, "mkdir /tmp/x").status != 0)
        }
        #expect(try entries.count == 5)
    }

    /// A program that allows everything, in an entry that is right in all else.
    private func forge(_ path: String) throws {
        var file = try #require(FilterFile(encoded: try Files.read(path)))
        file.program = [6, 0, 0, 0, 0, 0, 0xff, 0x7f]  // BPF_RET | BPF_K, SECCOMP_RET_ALLOW
        try Files.replace(path, with: file.encoded)
    }

    @Test func anEntryThatOthersCouldHaveWrittenIsNotBelieved() throws {
        let attack = "unshare -U true"
        #expect(try world.run(attack).status != 0)
        let entry = try #require(try entries.first)
        // The user's own word counts: without this the rest of the test would prove nothing.
        try forge(entry)
        #expect(try world.run(attack).status == 0)
        for mode in ["602", "666"] {
            try forge(entry)
            try world.sh("chmod \(mode) '\(entry)'")
            #expect(try world.run(attack).status != 0, "\(mode)")
        }
        try forge(entry)
        try world.sh("mv '\(entry)' aside; ln -s \"$PWD/aside\" '\(entry)'")
        #expect(try world.run(attack).status != 0)
    }

    @Test func anEntryOfAnotherUserIsNotBelieved() throws {
        let attack = "unshare -U true"
        #expect(try world.run(["--id-map", "range"], attack).status != 0)
        let entry = try #require(try entries.first)
        try forge(entry)
        // No sandbox is shown this folder where it lies.
        try world.sh("mv home/.cache/sandbox/filters filters")
        let chown = try world.run(
            ["--id-map", "range", "--seccomp", "none", "--bind", "./filters:/filters"],
            "chmod 644 /filters/*; chown 1:1 /filters/*")
        #expect(chown.status == 0, "\(chown.errors)")
        try world.sh("rm -rf home/.cache/sandbox/filters; mv filters home/.cache/sandbox/filters")
        #expect(try world.sh("find home/.cache/sandbox/filters -type f -user $(id -u)").output.isEmpty)
        #expect(try world.run(["--id-map", "range"], attack).status != 0)
    }

    @Test func aPipeIsNotRead() throws {
        let outcome = try world.sh("mkfifo f.json; \"$SANDBOX\" run --seccomp ./f.json ./root true")
        #expect(outcome.status == 125 && outcome.errors.contains("not a regular file"))
    }
}
