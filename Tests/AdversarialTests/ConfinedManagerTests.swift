// What reads archives, images, TOML and JSON of strangers can do nothing else: tried from within the process.

import Foundation
import LinuxSystem
import SandboxPolicy
import TestWorld
import Testing

struct ConfinedManagerTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/programs/forbidden.c"
        let compiled = try world.sh("gcc -std=gnu17 -O1 -shared -fPIC -o forbidden.so '\(source)'")
        if compiled.status != 0 { throw CompilerError(text: compiled.errors) }
        try world.sh(
            """
            mkdir outside && echo secret >outside/secret && : >outside/removable && chmod 600 outside/secret
            tar -C root -cf one.tar bin etc && mkdir plain && cp -r root/etc plain/ && gzip -k one.tar
            """)
    }

    /// Runs a command of the manager with the tries inside.
    /// - Returns: the errno of each; 0 for what succeeded.
    private func tried(_ words: [String]) throws -> [String: Int] {
        let outcome = try world.start(
            World.manage, words,
            environment: ["LD_PRELOAD": world.folder + "/forbidden.so", "FORBIDDEN": world.folder + "/outside"]
        ).finish()
        #expect(outcome.status == 0, "\(outcome)")
        var answers: [String: Int] = [:]
        for line in outcome.errors.split(separator: "\n") where line.hasPrefix("forbidden: ") {
            let words = line.split(separator: " ")
            if words.count == 3 { answers[String(words[1])] = Int(words[2]) }
        }
        try #require(answers["end"] == 0, "\(outcome.errors)")
        return answers
    }

    private static let hasLandlock = Landlock.version >= 2

    private func expectNothing(_ answers: [String: Int], reads: Bool, setsModes: Bool) throws {
        for name in ["fork", "execute", "unix", "internet", "audit", "signal", "ring", "trace"] {
            #expect(answers[name] != nil && answers[name] != 0, "\(name)")
        }
        if !setsModes { #expect(answers["mode"] != 0) }
        guard Self.hasLandlock else { return }
        for name in ["write", "overwrite", "remove", "link"] { #expect(answers[name] == 13, "\(name)") }
        for name in ["read", "list"] { #expect(answers[name] == (reads ? 0 : 13), "\(name)") }
        #expect(try world.sh("cat outside/secret; ls outside").output == "secret\nremovable\nsecret\n")
    }

    @Test func unpackersWriteTheStoreAndNothingElse() throws {
        let stamp = FileStatus.stamp(of: world.folder + "/one.tar")
        let key = EntryKey("tar", [stamp, "single"])
        for words in [
            ["import", "one.tar.gz", "one"], ["import", "one.tar", "two"],
            ["__unpack-tar", "one.tar", stamp, "single", "--key=" + key.word],
        ] {
            try expectNothing(try tried(words), reads: false, setsModes: true)
        }
        #expect(try world.sandbox(["run", "one", "ls", "/bin/busybox"]).output == "/bin/busybox\n")
        // Unpacked again from what is kept.
        try world.sh("chmod -R u+w home/.local/share/sandbox/layers; rm -rf home/.local/share/sandbox/layers/*")
        try expectNothing(try tried(["__unpack", "one", "single"]), reads: false, setsModes: true)
        #expect(try world.sandbox(["save", "-o", "one.oci", "one"]).status == 0)
        #expect(try world.sandbox(["rmi", "one", "two"]).status == 0)
        try expectNothing(try tried(["load", "-q", "-i", "one.oci"]), reads: false, setsModes: true)
        #expect(try world.sandbox(["run", "one", "ls", "/bin/busybox"]).output == "/bin/busybox\n")
    }

    @Test func readersOfProfilesAndFiltersWriteOneCache() throws {
        try world.sh("mkdir -p .sandbox/profiles")
        try world.write(".sandbox/profiles/own.toml", "timeout = \"5\"\n")
        let cache = world.home + "/.cache/sandbox"
        try expectNothing(
            try tried(["__settings", "--key=" + EntryKey("profile", ["own"]).word, "--", cache + "/profiles/x", "own"]),
            reads: true, setsModes: false)
        let filter = URL(fileURLWithPath: #filePath + "/../../../profiles/seccomp/default.json").standardized.path
        try expectNothing(
            try tried(["__filter", filter, cache + "/filters/x"]), reads: true, setsModes: false)
    }

    /// Without this the rest would prove nothing.
    @Test func theTriesSucceedInACommandThatReadsNothingOfOthers() throws {
        #expect(try world.sandbox(["import", "one.tar", "one"]).status == 0)
        let answers = try tried(["tag", "one", "other"])
        for name in ["write", "overwrite", "read", "list", "remove", "link", "mode", "fork", "execute", "unix"] {
            #expect(answers[name] == 0, "\(name)")
        }
    }
}
