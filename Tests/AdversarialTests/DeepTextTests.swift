// Text of a project, an image or a user that is nested without end, or longer than anybody writes: an error that names
// the limit, in moments.

import Foundation
import TestWorld
import Testing

struct DeepTextTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    private func expectRefusal(_ words: [String], naming limit: String) throws {
        let begun = Date()
        let outcome = try world.start("/usr/bin/timeout", ["-s", "KILL", "40", World.binary] + words).finish()
        #expect(outcome.status == 125 && outcome.saysOneLineAtMost, "\(outcome.status) \(outcome.errors.prefix(400))")
        #expect(outcome.errors.contains(limit) && outcome.errors.utf8.count < 2000, "\(outcome.errors.prefix(400))")
        #expect(Date().timeIntervalSince(begun) < 20)
    }

    /// Profiles of less than a megabyte each.
    static let profiles: [(name: String, text: String, limit: String)] = [
        ("dotted keys", String(repeating: "a.", count: 300_000) + "b = 1", "32 parts"),
        ("a dotted table", "[" + String(repeating: "a.", count: 300_000) + "b]", "32 parts"),
        ("quoted keys", String(repeating: "'a' . ", count: 100_000) + "b = 1", "32 parts"),
        ("arrays", "command = " + String(repeating: "[", count: 500_000), "32 deep"),
        ("inline tables", "env = " + String(repeating: "{a=", count: 200_000), "32 deep"),
        (
            "behind strings", "text = \"\"\"\"a\"\"\"\"\" #\"\n" + String(repeating: "a.", count: 300_000) + "b = 1",
            "32 parts"
        ),
        ("tables", (0..<100_000).map { "[a\($0)]\n" }.joined(), "unknown key"),
        ("a long key", String(repeating: "k", count: 1_000_000) + " = 1", "unknown key"),
        ("settings", "[env]\n" + (0..<70_000).map { "v\($0) = 1\n" }.joined(), "at most 10000 settings"),
        ("bases", "extends = [" + (0..<200_000).map { _ in "\"b\"," }.joined() + "]", "at most 256"),
    ]

    @Test(arguments: profiles.indices) func aProfileIsRefused(_ index: Int) throws {
        let profile = Self.profiles[index]
        try world.write("p.toml", profile.text)
        try expectRefusal(["run", "--profile", "./p.toml", "./root", "true"], naming: profile.limit)
    }

    /// A chain of profiles, a tree of them, and two on each step that extend both of the next.
    @Test(arguments: ["chain", "ladder", "wide"]) func profilesThatExtendOneAnotherAreRefused(_ shape: String) throws {
        let last = "i=20000; echo 'network = \"host\"' >l$i.toml; cp l$i.toml r$i.toml; cp l$i.toml p.toml"
        let script =
            switch shape {
            case "chain": "for i in {0..19999}; do echo \"extends = \\\"./l$((i+1)).toml\\\"\" >l$i.toml; done; \(last)"
            case "ladder":
                """
                for i in {0..29}; do echo "extends = [\\"./l$((i+1)).toml\\", \\"./r$((i+1)).toml\\"]" | tee l$i.toml >r$i.toml; done
                echo 'network = "host"' | tee l30.toml >r30.toml
                """
            default:
                """
                for j in {1..20}; do
                  for i in {1..20}; do echo 'network = "host"' >x$j-$i.toml; done
                  echo "extends = [$(for i in {1..20}; do printf '"./x%s-%s.toml",' $j $i; done)]" >y$j.toml
                done
                echo "extends = [$(for j in {1..20}; do printf '"./y%s.toml",' $j; done)]" >l0.toml
                """
            }
        try world.sh(script)
        let limit = ["chain": "32 extend", "ladder": "10000 settings", "wide": "256 are extended"][shape]
        try expectRefusal(["profile", "check", "./l0.toml"], naming: try #require(limit))
    }

    /// What people write is far from any limit.
    @Test func ordinaryNestingIsRead() throws {
        try world.write(
            "p.toml",
            """
            description = \"\"\"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t\"\"\"
            extends = "./b1.toml"
            env = { A = "\(String(repeating: "1.2.", count: 100))", B = '[[[[' } # a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.a.b.c.d.e.f.g
            tmpfs = ["/a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.a.b.c.d.e.f.g.h.i.j.k.l.m.n"]
            """)
        try world.sh(
            "for i in {1..20}; do echo \"extends = \\\"./b$((i+1)).toml\\\"\" >b$i.toml; done; echo 'env.C = \"c\"' >b21.toml"
        )
        let outcome = try world.sandbox(["run", "--profile", "./p.toml", "./root", "sh", "-c", "echo $B$C"])
        #expect(outcome.output == "[[[[c\n", "\(outcome)")
    }

    /// Filters, and the documents of images, are JSON.
    @Test(arguments: ["[", "{\"a\":"]) func deepJSONIsRefused(_ open: String) throws {
        let text = String(repeating: open, count: 150_000)
        try world.write("f.json", text)
        try expectRefusal(["run", "--seccomp", "./f.json", "./root", "true"], naming: "f.json")
        try world.write("f.json", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"comment\":" + text)
        try expectRefusal(["run", "--seccomp", "./f.json", "./root", "true"], naming: "f.json")
        try world.write("layout/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}")
        try world.write("layout/index.json", "{\"schemaVersion\":2,\"manifests\":" + text)
        try expectRefusal(["load", "-i", "layout"], naming: "index.json")
        try world.write("home/.docker/config.json", text)
        try expectRefusal(["pull", "127.0.0.1:1/x"], naming: "config.json")
        try world.write("a/manifest.json", text)
        try world.sh("tar -C a -cf a.tar manifest.json")
        try expectRefusal(["load", "-i", "a.tar"], naming: "manifest.json")
    }
}
