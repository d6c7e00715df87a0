// Places that lead to the sandbox's own root: what is mounted there covers nothing, and `/..` leads into it.

import Foundation
import TestWorld
import Testing

struct RootMountTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    /// What `/..` shows that `/` does not, how many mounts lie at `/`, and whether the masks stand.
    private static let look = """
        cd /..; for name in * .*; do [ -e "/$name" -o -L "/$name" ] || echo "above: $name"; done
        [ "$(stat -c %d:%i /..)" = "$(stat -c %d:%i /)" ] || echo other
        awk '$5 == "/"' /proc/self/mountinfo | wc -l; wc -c </proc/keys; echo x >/proc/sys/kernel/hostname || echo closed
        """
    private static let sound = "1\n0\nclosed\n"

    private func isRefused(_ outcome: Outcome, _ words: String) -> Bool {
        outcome.status == 125 && outcome.output.isEmpty && outcome.errors.contains(words) && outcome.saysOneLineAtMost
    }

    @Test func oneMountLiesAtTheRoot() throws {
        for options in [[], ["--read-only"], ["--upper", "disk"], ["--id-map", "single"]] {
            #expect(try world.run(options, Self.look).output == Self.sound, "\(options)")
            #expect(
                try world.sandbox(["run"] + options + ["host", "sh", "-c", Self.look]).output == Self.sound,
                "\(options)"
            )
        }
    }

    enum Carrier: CaseIterable { case image, upper, layer }

    /// Laid out by the image, by a layer, or left by an earlier run.
    @Test(arguments: ["proc", "sys", "dev", "tmp"], Carrier.allCases)
    func aFolderOfOurOwnThatIsALinkIsRefused(_ name: String, _ carrier: Carrier) throws {
        let (folder, options): (String, [String]) =
            switch carrier {
            case .image: ("root", [])
            case .upper: ("up", ["--upper", "./up"])
            case .layer: ("layer", ["--layer", "./layer"])
            }
        for target in ["/", ".", "./", "//", "..", "etc", "/proc", "../\(name)/../proc"] {
            try world.sh(
                "mkdir -p up layer .up.sandbox/work; chmod -R 700 up .up.sandbox; rm -rf \(folder)/\(name); ln -s '\(target)' \(folder)/\(name)"
            )
            let outcome = try world.run(options, "ls -a /..; " + Self.look)
            #expect(isRefused(outcome, "\"/\(name)\" is a link to \"\(target)\""), "\(target): \(outcome)")
        }
        // A real folder there is what it should be.
        try world.sh("rm \(folder)/\(name); mkdir \(folder)/\(name)")
        #expect(try world.run(options, Self.look).output == Self.sound)
    }

    @Test(arguments: [
        ["--bind", "./data:/place"], ["--bind", "./data:/place:ro"], ["--tmpfs", "/place"], ["--mask", "/place"],
        ["--bind", "./data:/place/."], ["--bind", "./data:/sub/../place"], ["--tmpfs", "/sub/place"],
        ["--mask", "/sub/place"], ["--bind", "./data:/sub/.."], ["--tmpfs", "/etc/.."], ["--mask", "/sub/.."],
    ])
    func aPlaceThatLeadsToTheRootIsRefused(_ options: [String]) throws {
        try world.sh("mkdir -p data/inner root/sub; ln -s / root/place; ln -s .. root/sub/place")
        let outcome = try world.run(options, "ls -a /..; " + Self.look)
        #expect(isRefused(outcome, "that place is the root of the sandbox"), "\(outcome)")
        // Elsewhere the same link is a way like any other.
        try world.sh("rm root/place; ln -s /etc root/place")
        if options.last?.contains("/place") == true, options.last?.contains("/sub") == false, options[0] == "--bind" {
            #expect(try world.run(options, "ls /etc").output == "inner\n")
        }
    }

    /// A folder of the host's, stacked by itself, where an earlier run on another root has left a link.
    @Test func aFolderOfTheHostsIsNotStackedOnTheRoot() throws {
        try world.sh("mkdir -m 700 up")
        #expect(try world.run(["--upper", "./up"], "ln -s / /usr").status == 0)
        try world.sh("rm .up.sandbox/over")
        let outcome = try world.sandbox(["run", "--upper", "./up", "host", "sh", "-c", "ls /..; " + Self.look])
        #expect(isRefused(outcome, "\"usr\"") || isRefused(outcome, "\"/usr\" is a link to \"/\""), "\(outcome)")
    }

    /// A place below one of the sandbox's own file systems leads nowhere else either.
    @Test(arguments: ["/proc/1/root", "/proc/self/cwd", "/dev/fd/0", "/proc/self/fd/1"])
    func aMagicLinkIsNoPlace(_ place: String) throws {
        try world.sh("mkdir data; ln -s \(place) root/place")
        let outcome = try world.run(["--bind", "./data:/place"], Self.look)
        #expect(outcome.status == 125 && outcome.saysOneLineAtMost, "\(outcome)")
    }
}
