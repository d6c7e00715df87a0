// --here, and the profiles that say it, in folders with which too much would come.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct HereTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.write("home/secret", "secret\n")
    }

    private func run(in folder: String, _ words: String, home: String? = nil) throws -> Outcome {
        let environment = home.map { ["HOME": $0] } ?? [:]
        return try world.sh("cd \(folder) && exec \"$SANDBOX\" \(words)", environment: environment)
    }

    private static let ways = ["run --here host", "run --profile ci host", "shell", "run --here ROOT"]

    @Test(arguments: ["/", "//", "/proc", "/proc/self", "/proc/sys", "/sys", "/dev", "/run", "/home/..", "HOME"], ways)
    func whatIsTooMuchIsRefused(_ folder: String, _ way: String) throws {
        let folder = folder == "HOME" ? world.home : folder
        let words = way.replacingOccurrences(of: "ROOT", with: world.root)
        let outcome = try run(in: folder, words + " sh -c 'ls -a . /..'")
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(outcome.errors.contains("--here") && outcome.errors.contains("--here=false"), "\(outcome.errors)")
        // What it says to do instead does it.
        let without = try run(
            in: folder, words.replacingOccurrences(of: "--here", with: "") + " --here=false", home: nil)
        #expect(without.status != 125 || way != "shell", "\(without)")
    }

    /// Which folder it is counts, not what it is called.
    @Test func theHomeFolderByAnotherName() throws {
        try world.sh("ln -s home alias")
        #expect(try run(in: "alias", "run --here host true").status == 125)
        #expect(try run(in: "home", "run --here host true", home: world.folder + "/alias").status == 125)
        // The account's own, whatever HOME says, and what lies above that.
        let own = try world.sh("getent passwd $(id -u) | cut -d: -f6").output.split(separator: "\n").joined()
        try #require(own.hasPrefix("/"))
        for folder in [own, own + "/.."] {
            let outcome = try run(in: folder, "run --here host true")
            #expect(outcome.status == 125 && outcome.errors.contains("--here shows the current folder"), "\(outcome)")
        }
    }

    @Test func allOfItIsShownToThoseWhoSaySo() throws {
        let shown = try run(in: "home", "run --here=false --bind \(world.home) host cat \(world.home)/secret")
        #expect(shown.output == "secret\n", "\(shown.errors)")
        #expect(try run(in: "/", "run --bind /:/host ./root true", home: nil).status == 125)
        let root = try run(in: "/", "run --bind /:/host \(world.root) ls -d /host/proc")
        #expect(root.output == "/host/proc\n", "\(root.errors)")
        // A project is shown, also below a home, and with a home of its own in it.
        try world.sh("mkdir -p home/project")
        #expect(try run(in: "home/project", "run --here host pwd").output == world.home + "/project\n")
        #expect(try run(in: ".", "run --here host pwd").output == world.folder + "\n")
    }
}
