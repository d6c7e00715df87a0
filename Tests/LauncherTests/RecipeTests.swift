// The whole recipe on a real Alpine, with a signed package repository on loopback.

import Foundation
import TestWorld
import Testing

@Suite(.enabled(if: World.shared != nil, Comment(rawValue: World.noShared)))
final class RecipeTests {
    let world: World
    private let server: Running
    private let port: Int

    init() throws {
        let world = try World()
        let site = try ApkRepository.folder.get()
        server = try world.start(
            "/usr/bin/python3",
            [
                "-c",
                """
                import functools, http.server, sys
                handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
                server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
                print(server.server_port, flush=True)
                server.serve_forever()
                """, site,
            ])
        try server.waitForOutput("\n")
        port = Int(server.outputSoFar.split(separator: "\n").first ?? "") ?? 0
        try world.write("rootfs-init/etc/apk/repositories", "http://127.0.0.1:\(port)/repo\n")
        try world.sh("mkdir -p rootfs-init/etc/apk/keys && cp \(site)/keys/test.rsa.pub rootfs-init/etc/apk/keys/")
        #expect(try world.sandbox(["import", World.alpine ?? "", "alpine:3.20"]).errors.isEmpty)
        self.world = world
    }

    deinit { server.signal(SIGTERM) }

    @Test(arguments: ["range", "single"])
    func theRecipeRuns(_ mode: String) throws {
        let outcome = try world.sandbox([
            "run", "--id-map", mode, "--network", "host", "--layer", "./rootfs-init", "--name", "recipe", "alpine:3.20",
            "sh", "-ec", "apk update; apk upgrade; apk add gcc; gcc -v; apk add neofetch; neofetch",
        ])
        #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
        #expect(outcome.errors.contains("gcc version"))
        #expect(outcome.output.contains("OS: Alpine Linux v3.20"))
        let diff = try world.sandbox(["diff", "recipe"])
        let lines = Set(diff.lines)
        #expect(
            lines.isSuperset(of: [
                "A /usr/bin/gcc", "A /usr/bin/neofetch", "M /etc/apk/world", "M /lib/apk/db/installed",
            ]))
        #expect(diff.lines.allSatisfy { !$0.hasPrefix("D ") })
        let changed = Set(diff.lines.filter { $0.hasPrefix("M ") })
        #expect(
            changed.isSubset(of: [
                "M /etc/apk/world", "M /lib/apk/db/installed", "M /lib/apk/db/scripts.tar", "M /lib/apk/db/triggers",
            ]), "\(changed)")
        let added = diff.lines.filter { $0.hasPrefix("A ") }
        let places = ["/lib", "/usr/bin", "/usr/lib", "/usr/libexec", "/var/cache/apk", "/lib64", "/etc/apk"]
        #expect(added.allSatisfy { line in places.contains { line.dropFirst(2).hasPrefix($0) } }, "\(added)")
        #expect(try world.sandbox(["start", "recipe", "gcc", "-dumpversion"]).status == 0)
    }

    @Test func aProfilesSetUpRunsOnceAndIsKept() throws {
        try world.write(
            "home/.config/sandbox/profiles/build.toml",
            """
            extends = "build"
            [[layer]]
            source = "\(world.folder)/rootfs-init"
            [setup]
            alpine = "apk add --no-cache gcc"
            network = "host"
            """)
        let first = try world.sandbox(["run", "--profile", "build", "alpine:3.20", "gcc", "-v"])
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.errors.contains("setting up for alpine") && first.errors.contains("gcc version"))
        server.signal(SIGTERM)
        let second = try world.sandbox(["run", "--profile", "build", "alpine:3.20", "gcc", "-v"])
        #expect(second.status == 0 && !second.errors.contains("setting up") && second.errors.contains("gcc version"))
    }
}

@Suite(.enabled(if: World.shared != nil, Comment(rawValue: World.noShared)))
struct FailedSetUpTests {
    @Test func aFailedSetUpLeavesNothing() throws {
        let world = try World()
        #expect(try world.sandbox(["import", World.alpine ?? "", "alpine:3.20"]).errors.isEmpty)
        try world.write("p.toml", "[setup]\nalpine = \"echo started; exit 3\"\n")
        let outcome = try world.sandbox(["run", "--profile", "./p.toml", "alpine:3.20", "true"])
        #expect(outcome.status == 125)
        #expect(outcome.errors.contains("started") && outcome.errors.contains("failed with status 3"))
        #expect(try world.sh("ls home/.local/share/sandbox/setup | grep -v lock").output.isEmpty)
    }
}

/// A signed package repository of the fixtures', with its key: made once, for that takes seconds, and not changed.
enum ApkRepository {
    private static let place = Result { try World() }

    static let folder: Result<String, any Error> = Result {
        let world = try place.get()
        let made = try world.sh("mkdir site && '\(World.shared ?? "")/fixtures/make-apk-repo' site")
        try #require(made.status == 0, "\(made.errors)")
        // What is static is never let go of.
        atexit { if case .success(let world) = ApkRepository.place { world.remove() } }
        return world.folder + "/site"
    }
}
