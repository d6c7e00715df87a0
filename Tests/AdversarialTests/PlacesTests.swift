// Where the caller's environment says that things lie.

import Foundation
import TestWorld
import Testing

struct PlacesTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    enum Place: String, CaseIterable {
        case fifo, file, loop, dangling, link, relative, climbing, descriptor, device, closed, ofAnother
    }

    /// None makes a run hang, say more than a line, or write where it was not told to.
    @Test(arguments: ["HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TMPDIR"], Place.allCases)
    func aHostilePlaceIsAnErrorOrOfNoConsequence(_ variable: String, _ place: Place) throws {
        try world.write("victim/file", "keep\n")
        try world.sh("tar -C root --owner=0 --group=0 -cf root.tar .")
        let path = world.folder + "/place"
        var value = path
        switch place {
        case .fifo: try world.sh("mkfifo place")
        case .file: try world.sh("echo text >place")
        case .loop: try world.sh("ln -s place place")
        case .dangling: try world.sh("ln -s victim/none place")
        case .link: try world.sh("ln -s victim place")
        case .relative: value = "place/x"
        case .climbing:
            try world.sh("mkdir -m 700 place")
            value = path + "/../victim/none/.."
        case .descriptor: value = "/proc/self/fd/.."
        case .device: value = "/dev/null"
        case .closed: try world.sh("mkdir -m 0 place")
        case .ofAnother: try world.sh("mkdir -m 777 place; unshare --map-auto --map-root-user chown 1000:1000 place")
        }
        let state = "cat victim/file; ls -A | grep -v '^out-'; ls -ld place; [ -f place ] && cat place"
        let before = try world.sh(state).output
        for words in [
            ["run", "--upper", "disk", "./root", "echo", "ran"], ["import", "./root.tar", "x:1"],
            ["run", "x:1", "true"],
        ] {
            let outcome = try world.start(
                "/usr/bin/timeout", ["-s", "KILL", "30", World.binary] + words, environment: [variable: value]
            ).finish()
            #expect(outcome.saysOneLineAtMost, "\(words): \(outcome.errors)")
            #expect(outcome.status == 0 || (outcome.status == 125 && !outcome.errors.isEmpty), "\(words): \(outcome)")
            #expect(outcome.status != 0 || words[0] != "run" || words.last != "ran" || outcome.output == "ran\n")
        }
        let after = try world.sh(state).output
        #expect(withoutTimes(after) == withoutTimes(before))
        // In a good place all of it works.
        if place == .relative {
            #expect(
                try world.sandbox(
                    ["run", "--upper", "disk", "./root", "echo", "ran"], environment: [variable: world.folder + "/good"]
                ).output == "ran\n")
            #expect(try variable == "TMPDIR" || variable == "XDG_CONFIG_HOME" || !world.sh("ls -A good").output.isEmpty)
        }
    }

    /// A folder's own size and time change with what is made in it.
    private func withoutTimes(_ text: String) -> [String] {
        text.split(separator: "\n").map { $0.split(separator: " ").first.map(String.init) ?? "" }
    }
}
