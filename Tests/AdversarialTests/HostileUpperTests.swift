// Uppers that others write: what an earlier run left there, and a process that changes it while a sandbox starts.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct HostileUpperTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    /// Folders of the upper that a plan mounts on and steps through change places with links out of it all the while.
    @Test func linksSwappedWhileASandboxStartsLeadNowhere() throws {
        try world.compile("swap")
        try world.write("outside/secret", "secret\n")
        try world.write("shown/shown", "shown\n")
        let names = ["dev", "proc", "etc", "tmp", "mnt", "work"]
        for name in names {
            try world.sh(
                "mkdir -p up/\(name) && ln -s ../../../../../../../../..\(world.folder)/outside up/\(name).link")
        }
        let before = try world.fingerprint("outside")
        let racer = try world.start("./swap", names.flatMap { ["up/\($0)", "up/\($0).link"] })
        defer { racer.signal(SIGKILL) }

        var refused = 0
        for _ in 0..<40 {
            let outcome = try world.bounded(
                ["--upper", "./up", "--bind", "./shown:/mnt/target", "--workdir", "/work"],
                """
                cat secret /*/secret /mnt/target/secret 2>/dev/null; echo w >new; [ -c /dev/null ] && [ -e /proc/self/status ] &&
                grep -q ' /proc/sys ro' /proc/self/mountinfo && ! grep -q '\(world.folder)/outside' /proc/self/mountinfo &&
                echo sound
                """)
            #expect(!outcome.output.contains("secret"), "\(outcome.output)")
            #expect(
                outcome.status == 0 || (outcome.status == 125 && outcome.errors.hasPrefix("sandbox: ")), "\(outcome)")
            if outcome.status == 0 { #expect(outcome.output == "sound\n", "\(outcome)") } else { refused += 1 }
        }
        #expect(try world.fingerprint("outside") == before)
        // They did change places: one who looks first and opens then is led out.
        let led = try world.sh(
            "while [ $SECONDS -lt 30 ]; do [ -L up/work ] || { cat up/work/secret 2>/dev/null && break; }; done")
        #expect(led.output == "secret\n")
        #expect(refused > 0)
        racer.signal(SIGKILL)
        #expect(try racer.finish().status == 128 + SIGKILL)
    }

    @Test func anUpperThatTheSandboxCouldReplaceIsRefused() throws {
        let outcome = try world.run(["--here", "--upper", "./up"], "true")
        #expect(outcome.status == 125 && outcome.errors.contains("can write through"))
        try world.sh(
            "mkdir -p vic/work up .up.sandbox && echo keep >vic/work/file && ln -s ../vic/work .up.sandbox/work")
        #expect(try world.run(["--upper", "./up"], "true").status == 125)
        #expect(try world.sh("cat vic/work/file").output == "keep\n")
        // Mounted by its name, the link's target is what overlayfs works in, and clears.
        _ = try world.sh(
            "unshare -Urm sh -c 'mount -t overlay -o userxattr,lowerdir=root,upperdir=up,workdir=.up.sandbox/work o root'"
        )
        #expect(try world.sh("ls vic/work").output.contains("work\n"))
    }

    /// What a run makes of its own root: the next one starts on it.
    @Test func whatARunLeavesLeadsTheNextNowhere() throws {
        try world.write("outside/secret", "secret\n")
        let laid = try world.run(
            ["--upper", "./up"],
            """
            for name in mnt work home srv; do rm -rf /$name; ln -s \(world.folder)/outside /$name; done
            rm -f /etc/resolv.conf /etc/passwd; ln -s \(world.folder)/outside/secret /etc/resolv.conf
            ln -s \(world.folder)/outside/secret /etc/passwd
            """)
        #expect(laid.status == 0)
        let before = try world.fingerprint("outside")
        for options in [
            ["--bind", "./root/etc:/mnt/x"], ["--workdir", "/work"], ["--tmpfs", "/srv/x"], ["--user", "user"],
        ] {
            let outcome = try world.bounded(
                ["--upper", "./up"] + options, "cat /*/secret /etc/* 2>/dev/null; echo w >/mnt/new; true")
            #expect(!outcome.output.contains("secret"), "\(options)")
            #expect(outcome.saysOneLineAtMost || outcome.status == 0, "\(outcome.errors)")
        }
        #expect(try world.fingerprint("outside") == before)
        #expect(try world.sh("cat up/etc/resolv.conf").output == "secret\n")
    }
}
