// What a command sees and may do, looked at from inside.

import Foundation
import TestWorld
import Testing

struct IsolationTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    @Test func everyNamespaceIsItsOwn() throws {
        let names = ["user", "mnt", "pid", "uts", "ipc", "cgroup", "net"]
        let script = names.map { "readlink /proc/self/ns/\($0)" }.joined(separator: ";")
        let inside = try world.run(script).lines
        let outside = try world.sh(script).lines
        #expect(inside.count == names.count)
        for (name, (a, b)) in zip(names, zip(inside, outside)) { #expect(a != b, "\(name)") }
    }

    @Test func theHostNetworkIsSharedOnlyWhenAskedFor() throws {
        let inside = try world.run(["--network", "host"], "readlink /proc/self/ns/net").output
        #expect(try inside == world.sh("readlink /proc/self/ns/net").output)
    }

    @Test func loopbackIsUpAndAlone() throws {
        let outcome = try world.run("ifconfig -a; ping -c 1 -W 1 127.0.0.1 >/dev/null 2>&1; cat /proc/net/dev")
        #expect(outcome.output.contains("UP LOOPBACK RUNNING"))
        #expect(outcome.lines.filter { $0.contains(":") && $0.contains("0") && $0.hasPrefix("  eth") }.isEmpty)
    }

    @Test(arguments: ["single", "range"])
    func rightsAreReduced(_ mode: String) throws {
        let lines = try world.run(["--id-map", mode], "cat /proc/self/status").lines
        func value(_ key: String) -> String {
            lines.first { $0.hasPrefix(key + ":") }?.split(separator: "\t").last.map(String.init) ?? ""
        }
        #expect(value("CapInh") == "0000000000000000")
        #expect(value("CapAmb") == "0000000000000000")
        #expect(value("CapPrm") == "00000000800405fb")
        #expect(value("CapEff") == "00000000800405fb")
        #expect(value("CapBnd") == "00000000800405fb")
        #expect(value("NoNewPrivs") == "1")
        #expect(value("Seccomp") == "2")
    }

    @Test func capabilitiesFollowThePolicy() throws {
        let none = try world.run(["--cap-drop", "all"], "grep Cap /proc/self/status").output
        #expect(!none.contains("1") && none.contains("CapBnd:\t0000000000000000"))
        let one = try world.run(["--cap-drop", "ALL", "--cap-add", "cap_kill"], "grep CapBnd /proc/self/status").output
        #expect(one.contains("0000000000000020"))
    }

    @Test func onlyItsOwnProcessesAreSeen() throws {
        let outcome = try world.run("ls -d /proc/[0-9]*; tr '\\0' ' ' </proc/1/cmdline")
        #expect(outcome.lines.filter { $0.hasPrefix("/proc/") }.count <= 3)
        #expect(outcome.output.contains("sandbox-init"))
        #expect(!outcome.output.contains("./root"))
    }

    @Test func devHoldsTheStandardNodesAndNothingElse() throws {
        let names = try world.run(["--landlock", "off"], "ls /dev").lines
        let held = try world.run("ls /dev").lines
        #expect(held.filter { $0 != "mqueue" } == names)
        #expect(
            names == [
                "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom",
                "zero",
            ])
        #expect(try world.run("echo x >/dev/null && head -c 4 /dev/zero | wc -c && echo y >/dev/full").status == 1)
    }

    @Test func mountsAreExactlyThePlanned() throws {
        let points = try world.run("cut -d' ' -f5 /proc/self/mountinfo").lines
        #expect(points.first == "/")
        #expect(Set(points).isSuperset(of: ["/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/tmp", "/proc/sys"]))
        #expect(
            points.dropFirst().allSatisfy { point in
                ["/proc", "/sys", "/dev", "/tmp"].contains { (point + "/").hasPrefix($0 + "/") }
            })
    }

    @Test func theFileSystemIsTheImageAndGeneratedFiles() throws {
        let outcome = try world.run(
            ["--hostname", "box"], "cat /etc/hostname; hostname; grep box /etc/hosts; wc -c </etc/resolv.conf")
        #expect(outcome.lines == ["box", "box", "127.0.1.1\tbox", "0"])
        #expect(
            try world.run(["--network", "host"], "cat /etc/resolv.conf").output
                == world.sh("cat /etc/resolv.conf").output)
    }

    @Test func hostShowsSystemFoldersAndEmptyHomes() throws {
        let outcome = try world.sandbox(
            [
                "run", "host", "sh", "-c",
                "ls -A /home /root /run /tmp /srv /mnt /media /boot; ls /usr/bin/env; touch /new && ls /new",
            ])
        #expect(outcome.lines.filter { !$0.isEmpty && !$0.hasSuffix(":") } == ["/usr/bin/env", "/new"])
        #expect(!FileManager.default.fileExists(atPath: "/new"))
    }

    @Test func ownershipByMode() throws {
        #expect(
            try world.run(["--id-map", "range"], "touch /f && chown 1000:1000 /f && stat -c %u:%g /f").output
                == "1000:1000\n")
        // With one id the change is answered with success and not made.
        #expect(
            try world.run(["--id-map", "single"], "touch /f && chown 1000:1000 /f && stat -c %u:%g /f").output
                == "0:0\n")
    }

    @Test func usersByNameAndNumber() throws {
        let named = try world.run(["--user", "user"], "id -u; id -g; id -G; echo $HOME; grep CapEff /proc/self/status")
        #expect(named.lines == ["1000", "1000", "1000 1001", "/home/user", "CapEff:\t0000000000000000"])
        let number = try world.run(["--id-map", "single", "--user", "1234:55"], "id -u; id -g")
        #expect(number.lines == ["1234", "55"])
    }
}
