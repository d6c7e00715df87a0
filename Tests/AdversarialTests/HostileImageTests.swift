// Images laid out to lead the launcher elsewhere, before and while it sets them up.

import Foundation
import TestWorld
import Testing

struct HostileImageTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.write("outside/secret", "secret\n")
        try world.write("outside/file", "secret\n")
        try world.write("shown/shown", "shown\n")
    }

    enum Place: String, CaseIterable {
        case dev, null = "dev/null", console = "dev/console", pts = "dev/pts", proc, processes = "proc/self", sys, etc,
            tmp, bindParent = "mnt"
        case resolver = "etc/resolv.conf", workdir = "work", bind = "mnt/target", entrypoint = "bin/command", accounts =
            "etc/passwd"

        var isFile: Bool { [.null, .console, .resolver, .entrypoint, .accounts].contains(self) }
    }

    enum Kind: CaseIterable { case link, climbingLink, loop, fifo, file }

    /// Each place that a plan mounts on, writes or executes, as an image can lay it out.
    @Test(arguments: Place.allCases, Kind.allCases)
    func noPlaceOfTheImageLeadsOut(_ place: Place, _ kind: Kind) throws {
        let path = "root/" + place.rawValue
        let target = world.folder + (place.isFile ? "/outside/file" : "/outside")
        try world.sh("mkdir -p root/dev root/proc root/mnt; rm -rf \(path)")
        switch kind {
        case .link: try world.sh("ln -s \(target) \(path)")
        case .climbingLink: try world.sh("ln -s ../../../../../../../../..\(target) \(path)")
        case .loop: try world.sh("ln -s $(basename \(path)) \(path)")
        case .fifo: try world.sh("mkfifo -m 777 \(path)")
        case .file: try world.sh("echo text >\(path); chmod 755 \(path)")
        }
        let before = try (world.fingerprint("outside"), world.fingerprint("root"))

        let command = place == .entrypoint ? "/bin/command" : "/bin/sh"
        let script = """
            cat /\(place.rawValue)/secret 2>/dev/null; [ -f /\(place.rawValue) ] && cat /\(place.rawValue)
            [ -p /\(place.rawValue) ] || { echo w >/\(place.rawValue)/new; echo w >/\(place.rawValue); } 2>/dev/null
            [ -c /dev/null ] && [ -e /proc/self/status ] && echo sound
            """
        let outcome = try world.start(
            "/usr/bin/timeout",
            ["-s", "KILL", "30", World.binary, "run", "--bind", "./shown:/mnt/target"]
                + (place == .workdir ? ["--workdir", "/work"] : []) + (place == .accounts ? ["--user", "user"] : []) + [
                    "./root", command, "-c", script,
                ]
        ).finish()
        #expect(!outcome.output.contains("secret") && !outcome.errors.contains("secret"))
        if outcome.status == 0 {
            #expect(outcome.lines.contains("sound") || command == "/bin/command", "\(outcome.output)")
        } else {
            #expect([125, 126, 127].contains(outcome.status) && outcome.saysOneLineAtMost, "\(outcome)")
            #expect(!outcome.errors.isEmpty)
        }
        #expect(try world.fingerprint("outside") == before.0)
        #expect(try world.fingerprint("root") == before.1)

        // The same image, set up by the names of its places.
        switch kind {
        case .link, .climbingLink:
            let byName =
                place.isFile ? "echo written >\(path); cat outside/file" : "mount --bind shown \(path); ls outside"
            let led = try world.sh("unshare -Urm sh -c '\(byName)'").output
            #expect(led == (place.isFile ? "written\n" : "shown\n"))
        case .fifo: #expect(try world.sh("timeout 0.2 cat \(path)").status == 124)
        case .loop: #expect(try world.sh("cat \(path)").status != 0)
        case .file: #expect(try world.sh("mkdir -p \(path)").status != 0)
        }
    }

    /// Who the command runs as is read from files of the image's.
    @Test func accountFilesThatLeadOut() throws {
        try world.write("fake", "root:x:0:0::/from-outside:/bin/sh\n")
        for link in ["/proc/self/fd/3/../../../../../../..\(world.folder)/fake", world.folder + "/fake"] {
            try world.sh("ln -sf \(link) root/etc/passwd")
            let outcome = try world.run(["--upper", "disk", "--user", "0"], "echo $HOME")
            #expect(!outcome.output.contains("from-outside") && outcome.saysOneLineAtMost)
        }
        #expect(try world.sh("cat root/etc/passwd").output.contains("from-outside"))
    }
}
