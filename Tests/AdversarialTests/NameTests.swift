// What stands under the name of something else: whoever can make two names alike, or put one thing in the place of
// another, is not believed for it.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct NameTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.write("root/etc/os-release", "ID=test\n")
    }

    private func profile(_ tool: String) throws {
        let script = "mkdir -p /opt; echo \(tool) >/opt/tool"
        try world.write("home/.config/sandbox/profiles/\(tool).toml", "[setup]\ntest = \"\(script)\"\n")
    }

    private func entries(_ folder: String) throws -> Set<String> {
        Set(try world.sh("ls -d home/\(folder)/* | grep -vE '\\.(lock|new)$'").lines)
    }

    /// The entry in `folder` that a run adds, which prints `tool`.
    private func added(_ folder: String, _ tool: String, _ run: (String) throws -> String) throws -> String {
        let before = try entries(folder)
        #expect(try run(tool) == tool + "\n")
        return try #require(entries(folder).subtracting(before).first)
    }

    @Test func aSetUpLayerUnderTheNameOfAnotherIsNotUsed() throws {
        func run(_ tool: String) throws -> Outcome { try world.run(["--profile", tool], "cat /opt/tool") }
        func tool(_ name: String) throws -> String { try run(name).output }
        try profile("theirs")
        try profile("mine")
        let store = ".local/share/sandbox/setup"
        let theirs = try added(store, "theirs", tool)
        let mine = try added(store, "mine", tool)
        #expect(try run("mine").errors.isEmpty)
        // As if the one's words had been chosen so that their hash is the other's.
        #expect(try world.sh("mv \(mine) aside && mv \(theirs) \(mine)").status == 0)
        let outcome = try run("mine")
        #expect(outcome.output == "mine\n", "\(outcome)")
        #expect(outcome.errors.contains("setting up"))
        #expect(try run("mine").errors.isEmpty)
    }

    @Test func aTarUnderTheNameOfAnotherIsNotUsed() throws {
        for tool in ["theirs", "mine"] {
            try world.write("\(tool)/opt/tool", tool + "\n")
            try world.sh("tar -C \(tool) -cf \(tool).tar opt")
        }
        func run(_ tool: String) throws -> String {
            try world.run(["--layer", "\(tool).tar"], "cat /opt/tool").output
        }
        let store = ".local/share/sandbox/setup"
        let theirs = try added(store, "theirs", run)
        let mine = try added(store, "mine", run)
        #expect(try world.sh("mv \(mine) aside && mv \(theirs) \(mine)").status == 0)
        #expect(try run("mine") == "mine\n")
    }

    @Test func cachedOptionsUnderTheNameOfOthersAreNotUsed() throws {
        for name in ["theirs", "mine"] {
            try world.write("home/.config/sandbox/profiles/\(name).toml", "hostname = \"\(name)\"\n")
        }
        func run(_ name: String) throws -> String { try world.run(["--profile", name], "hostname").output }
        let theirs = try added(".cache/sandbox/profiles", "theirs", run)
        let mine = try added(".cache/sandbox/profiles", "mine", run)
        #expect(try world.sh("cp -a \(theirs) \(mine)").status == 0)
        #expect(try run("mine") == "mine\n")
    }

    @Test func aLayoutUnderTheNameOfAnotherIsNotUsed() throws {
        for name in ["theirs", "mine"] {
            try world.write("root/name", name + "\n")
            try world.sh("tar -C root --owner=0 --group=0 -cf root.tar .")
            #expect(try world.sandbox(["import", "root.tar", name]).status == 0)
            #expect(try world.sandbox(["save", name, "-o", name + ".oci.tar"]).status == 0)
        }
        func run(_ name: String) throws -> Outcome {
            try world.sandbox(["run", "--quiet", "oci-archive:./\(name).oci.tar", "cat", "/name"])
        }
        func tool(_ name: String) throws -> String { try run(name).output }
        let store = ".local/share/sandbox/images"
        let theirs = try added(store, "theirs", tool)
        let mine = try added(store, "mine", tool)
        #expect(try world.sh("cp -a \(theirs) \(mine)").status == 0)
        #expect(try run("mine").output == "mine\n")
    }

    /// What an earlier version named by a weaker hash goes, and what is in use stays.
    @Test func whatHasANameOfAnEarlierVersionIsRemoved() throws {
        try profile("mine")
        #expect(try world.run(["--profile", "mine"], "true").status == 0)
        #expect(try world.sandbox(["prune"]).output.isEmpty)
        let kept = try world.sh("find home -type f | sort").output
        let old = "0123456789abcdef0123456789abcdef"
        let outcome = try world.sh(
            """
            cd home; for f in .cache/sandbox/{profiles,filters,denied} .config/sandbox/trust; do mkdir -p $f; echo >$f/\(old); done
            cd .local/share/sandbox/setup; mkdir -p \(old)/upper tar-\(old).single; echo >\(old)/done; echo >\(old).lock
            """)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let pruned = try world.sandbox(["prune"])
        #expect(pruned.status == 0 && pruned.output.hasPrefix("removed 7 parts"), "\(pruned)")
        #expect(try world.sh("find home -type f | sort").output == kept)
        #expect(try world.run(["--profile", "mine"], "cat /opt/tool").errors.isEmpty)
    }
}
