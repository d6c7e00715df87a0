// Images of a registry on this machine, run, kept, got anew and sent.

import Foundation
import LinuxSystem
import TestWorld
import Testing

/// An image registry for one test: Debian's docker-registry on a port of its own.
final class LoopbackRegistry {
    static let missing: Comment = "needs docker-registry, htpasswd, openssl and python3"
    static var isThere: Bool {
        ["docker-registry", "htpasswd", "openssl", "python3"].allSatisfy { Files.isAccessible("/usr/bin/" + $0, 1) }
    }

    /// `localhost:PORT`
    let address: String
    /// With the registry's `log`, `storage` and `ca`.
    let folder: String
    private let process: HelperProcess

    /// - Parameter options: of the program `benchmarks/registry`.
    init(_ world: World, _ options: [String] = []) throws {
        process = try HelperProcess(
            world, ["/bin/bash", HelperProcess.checkout + "/benchmarks/registry"] + options + ["--", "/bin/cat"])
        let lines = try process.firstLines(2)
        (address, folder) = (lines[0], lines[1])
    }

    /// Ends it; waits until it is gone.
    func stop() { process.stop() }

    /// Makes what `Tests/Fixtures/make-image` makes of `description`, as `name`; returns its digest.
    @discardableResult
    func serve(_ world: World, _ name: String, _ description: String) throws -> String {
        try makeImage(world, description, "'\(folder)/storage' --serve '\(name)'")
    }

    /// The requests with this method whose path contains `text`.
    func requests(_ method: String, _ text: String) -> [String] {
        (Files.text(folder + "/log") ?? "").split(separator: "\n").map(String.init).filter {
            $0.hasPrefix("127.0.0.1 ") && $0.contains("\"\(method) ") && $0.contains(text)
        }
    }
}

/// A program that lasts until its standard input ends.
final class HelperProcess {
    static let checkout = URL(fileURLWithPath: #filePath + "/../../..").standardized.path

    private let id: ProcessID
    private let output: String
    private var input: SharedDescriptor?

    init(_ world: World, _ words: [String]) throws {
        output = world.folder + "/out-helper-" + UUID().uuidString
        let file = try Descriptor.open(output, [.writeOnly, .create], mode: 0o600)
        var own = try PipeEnds()
        var given = own
        let reader = given.keepReader()
        input = own.keepWriter()
        id = try LinuxSystem.Process.spawn(
            words[0], arguments: words,
            environment: ["PATH=/usr/bin:/bin", "HOME=\(world.home)", "TMPDIR=\(world.folder)"],
            output: file.raw, errorOutput: file.raw, input: reader.raw)
        withExtendedLifetime(reader) {}
    }

    deinit { stop() }

    func firstLines(_ count: Int) throws -> [String] {
        for _ in 0..<1000 {
            let said = Files.text(output) ?? ""
            let lines = said.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            if lines.count > count { return Array(lines.prefix(count)) }
            usleep(10_000)
        }
        Issue.record("not \(count) lines: \(Files.text(output) ?? "")")
        throw Errno.noData
    }

    func stop() {
        guard input != nil else { return }
        input = nil
        do throws(Errno) { _ = try LinuxSystem.Process.wait(for: id) } catch { Issue.record("\(id): \(error)") }
    }
}

/// Runs `Tests/Fixtures/make-image` on a description, and returns the digest it prints.
func makeImage(_ world: World, _ description: String, _ words: String) throws -> String {
    let file = "out-\(UUID().uuidString).json"
    try world.write(file, description)
    let made = try world.sh("python3 '\(HelperProcess.checkout)/Tests/Fixtures/make-image' \(file) \(words)")
    try #require(made.status == 0, "\(made.errors)")
    return made.output.trimmingCharacters(in: .whitespacesAndNewlines)
}

extension World {
    /// `root.tar`: a layer of one busybox with all its names. The layer of description `{"tar": "root.tar"}`.
    func makeRootArchive() throws {
        try makeRoot()
        let made = try sh("tar -C root --owner=0 --group=0 --mtime=@0 -cf root.tar .")
        try #require(made.status == 0, "\(made.errors)")
    }

    /// Names of all that is in the store.
    func stored() throws -> [String] {
        try sh("cd home/.local/share/sandbox 2>/dev/null && find images blobs layers -mindepth 1 -maxdepth 1 | sort")
            .lines
    }
}

/// A layer of one file.
func layer(_ path: String, _ content: String) -> String { #"[{"path": "\#(path)", "content": "\#(content)"}]"# }

@Suite(.enabled(if: LoopbackRegistry.isThere, LoopbackRegistry.missing)) struct PullTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRootArchive()
    }

    /// An image of busybox and a file /who with this content.
    private func image(_ who: String, _ more: String = "") -> String {
        #"{"tag": "1", "layers": [{"tar": "root.tar"}, \#(layer("who", who))]\#(more)}"#
    }

    private func runWho(_ options: [String], _ name: String, _ environment: [String: String] = [:]) throws -> Outcome {
        try world.sandbox(["run"] + options + [name, "cat", "/who"], environment: environment)
    }

    @Test(.enabled(if: World.alpine != nil, Comment(rawValue: World.noShared))) func alpineIsPulledAndRun() throws {
        let registry = try LoopbackRegistry(world)
        try world.sh("gzip -dc '\(try #require(World.alpine))' >alpine.tar")
        try registry.serve(world, "alpine", #"{"tag": "3.20", "layers": [{"tar": "alpine.tar"}]}"#)
        let name = registry.address + "/alpine:3.20"
        let outcome = try world.sandbox(["run", name, "cat", "/etc/os-release"])
        #expect(outcome.status == 0 && outcome.output.contains("Alpine Linux v3.20"), "\(outcome.errors)")
        #expect(outcome.errors.hasPrefix("sandbox: \(name): layer ") && outcome.errors.contains(" done ("))
        registry.stop()
        let again = try world.sandbox(["run", name, "cat", "/etc/os-release"])
        #expect(again.status == 0 && again.output == outcome.output && again.errors.isEmpty, "\(again.errors)")
    }

    @Test func quietIsQuiet() throws {
        let registry = try LoopbackRegistry(world)
        try registry.serve(world, "x", image("one"))
        for words in [
            ["run", "--quiet", registry.address + "/x:1", "true"], ["pull", "-q", registry.address + "/x:1"],
        ] {
            let outcome = try world.sandbox(words)
            #expect(outcome.status == 0 && outcome.output.isEmpty && outcome.errors.isEmpty, "\(outcome.errors)")
        }
    }

    @Test func encryptionIsTrustedByTheUsersCertificates() throws {
        let registry = try LoopbackRegistry(world, ["--tls"])
        try registry.serve(world, "x", image("one"))
        let name = registry.address + "/x:1"
        let stranger = try runWho([], name)
        #expect(stranger.status == 125 && stranger.errors.contains("not trusted"), "\(stranger.errors)")
        #expect(stranger.errors.contains("certs.d/\(registry.address)/ca.crt"), "\(stranger.errors)")
        let folder = "home/.config/containers/certs.d/\(registry.address)"
        try world.sh("mkdir -p '\(folder)' && cp '\(registry.folder)/ca/ca.crt' '\(folder)/'")
        let outcome = try runWho([], name)
        #expect(outcome.status == 0 && outcome.output == "one", "\(outcome.errors)")
    }

    @Test(arguments: [false, true]) func aPasswordIsAskedForAndNeverShown(_ tls: Bool) throws {
        let registry = try LoopbackRegistry(world, (tls ? ["--tls"] : []) + ["--auth", "me:very-secret"])
        try registry.serve(world, "x", image("one"))
        let name = registry.address + "/x:1"
        if tls {
            let folder = "home/.config/containers/certs.d/\(registry.address)"
            try world.sh("mkdir -p '\(folder)' && cp '\(registry.folder)/ca/ca.crt' '\(folder)/'")
        } else {
            // A password goes in the clear only where that is allowed by name.
            try world.write(
                "home/.config/containers/registries.conf",
                "[[registry]]\nlocation = '\(registry.address)'\ninsecure = true\n")
        }
        func credentials(_ file: String, _ password: String) throws -> String {
            let user = Data("me:\(password)".utf8).base64EncodedString()
            try world.write(file, #"{"auths": {"\#(registry.address)": {"auth": "\#(user)"}}}"#)
            try world.sh("chmod 600 \(file)")
            return world.folder + "/" + file
        }
        let wrong = ["REGISTRY_AUTH_FILE": try credentials("wrong.json", "not-it-at-all")]
        let right = ["REGISTRY_AUTH_FILE": try credentials("right.json", "very-secret")]
        let nobody = try runWho([], name)
        #expect(nobody.status == 125 && nobody.errors.contains("podman login"), "\(nobody.errors)")
        let refused = try runWho([], name, wrong)
        #expect(refused.status == 125 && refused.errors.contains("wrong.json"), "\(refused.errors)")
        let taken = try runWho([], name, right)
        #expect(taken.status == 0 && taken.output == "one", "\(taken.errors)")
        let pushed = try world.sandbox(["push", name, registry.address + "/y:1"], environment: right)
        #expect(pushed.status == 0, "\(pushed.errors)")
        let explained = try world.sandbox(["run", "--explain", name, "true"], environment: right)
        let inspected = try world.sandbox(["inspect", name], environment: right)
        let encoded = ["very-secret", "not-it-at-all"].flatMap { [$0, Data("me:\($0)".utf8).base64EncodedString()] }
        for outcome in [nobody, refused, taken, pushed, explained, inspected] {
            for secret in encoded { #expect(!(outcome.output + outcome.errors).contains(secret)) }
        }
        for secret in encoded { #expect(try world.sh("grep -rlF -e '\(secret)' home").output.isEmpty) }
    }

    @Test func onlyAlwaysNoticesAChangedTag() throws {
        let registry = try LoopbackRegistry(world)
        let name = registry.address + "/x:1"
        try registry.serve(world, "x", image("one"))
        let before = try runWho(["--pull", "never"], name)
        #expect(before.status == 125 && before.errors.contains("not found"), "\(before.errors)")
        #expect(registry.requests("GET", "/v2/").isEmpty && registry.requests("HEAD", "/v2/").isEmpty)
        #expect(try runWho(["--pull", "always"], name).output == "one")
        let loaded = registry.requests("GET", "/blobs/").count
        #expect(loaded > 0)
        // Nothing has changed: nothing is downloaded and nothing is said.
        let same = try runWho(["--pull", "always"], name)
        #expect(same.output == "one" && same.errors.isEmpty, "\(same.errors)")
        #expect(registry.requests("GET", "/blobs/").count == loaded)
        try registry.serve(world, "x", image("two"))
        let asked = registry.requests("", "/v2/").count
        #expect(try runWho([], name).output == "one")
        #expect(try runWho(["--pull", "missing"], name).output == "one")
        #expect(try runWho(["--pull", "never"], name).output == "one")
        #expect(registry.requests("", "/v2/").count == asked)
        #expect(try runWho(["--pull", "always"], name).output == "two")
        #expect(try runWho([], name).output == "two")
        registry.stop()
        let gone = try runWho(["--pull", "always", "--quiet"], name)
        #expect(gone.status == 125 && gone.output.isEmpty && gone.errors.contains("can't be reached"), "\(gone.errors)")
        #expect(try runWho([], name).output == "two")
    }

    @Test func onlyWhatIsNewIsDownloaded() throws {
        let registry = try LoopbackRegistry(world)
        try registry.serve(world, "x", image("one"))
        try registry.serve(world, "team/y", image("two"))
        #expect(try runWho([], registry.address + "/x:1").output == "one")
        let first = registry.requests("GET", "/x/blobs/").count
        #expect(first == 3)
        let outcome = try runWho([], registry.address + "/team/y:1")
        #expect(outcome.output == "two")
        #expect(outcome.errors.contains("here already") && outcome.errors.contains(" done ("), "\(outcome.errors)")
        // The layer above and the configuration.
        #expect(registry.requests("GET", "/team/y/blobs/").count == 2)
    }

    @Test func aDigestNamesOneImageForEver() throws {
        let registry = try LoopbackRegistry(world)
        let digest = try registry.serve(world, "x", image("one"))
        try registry.serve(world, "x", image("two"))
        let name = "\(registry.address)/x@\(digest)"
        #expect(try runWho([], name).output == "one")
        #expect(try runWho([], "\(registry.address)/x:1@\(digest)").output == "one")
        #expect(try runWho([], registry.address + "/x:1").output == "two")
        registry.stop()
        #expect(try runWho([], name).output == "one")
        #expect(try world.sandbox(["inspect", name]).output.contains(digest))
    }

    @Test func thePlatformIsChosen() throws {
        let registry = try LoopbackRegistry(world)
        func part(_ platform: String) -> String {
            #"{"platform": "\#(platform)", "layers": [{"tar": "root.tar"}, \#(layer("who", platform))]}"#
        }
        let parts = ["linux/riscv64", "linux/arm64", "linux/arm/v7", "linux/amd64"].map(part).joined(separator: ", ")
        try registry.serve(world, "x", #"{"tag": "1", "images": [\#(parts)]}"#)
        let name = registry.address + "/x:1"
        let own = try world.sh("uname -m").lines == ["x86_64"] ? "linux/amd64" : "linux/arm64"
        #expect(try runWho([], name).output == own)
        // What is inside is this machine's own all the same.
        #expect(try runWho(["--platform", "linux/riscv64"], name).output == "linux/riscv64")
        #expect(try runWho(["--platform", "linux/arm/v7"], name).output == "linux/arm/v7")
        #expect(try runWho(["--platform", own, "--pull", "always"], name).output == own)
        let missing = try runWho(["--platform", "linux/s390x"], name)
        #expect(missing.status == 125 && missing.errors.contains("linux/s390x"), "\(missing.errors)")
        #expect(try runWho(["--platform", own, "--pull", "never"], name).output == own)
        let other = try world.sandbox(["run", "--platform", "nonsense", name, "true"])
        #expect(other.status == 125 && other.errors.contains("nonsense"), "\(other.errors)")
    }

    @Test func aVariantCountsOnlyWhereBothNameOne() throws {
        let registry = try LoopbackRegistry(world)
        try registry.serve(world, "x", image("one", #", "platform": "linux/arm64/v8""#))
        let name = registry.address + "/x:1"
        #expect(try runWho(["--platform", "linux/arm64"], name).output == "one")
        registry.stop()
        for platform in ["linux/arm64", "linux/arm64/v8"] {
            let again = try runWho(["--platform", platform, "--pull", "never"], name)
            #expect(again.output == "one", "\(again.errors)")
        }
        let other = try runWho(["--platform", "linux/arm", "--pull", "never"], name)
        #expect(other.status == 125 && other.errors.contains("not found"), "\(other.errors)")
    }

    @Test func whatIsPushedIsRead() throws {
        let registry = try LoopbackRegistry(world)
        #expect(try world.sandbox(["import", "root.tar", "mine:1"]).status == 0)
        let name = registry.address + "/team/mine:2"
        let pushed = try world.sandbox(["push", "mine:1", name])
        #expect(pushed.status == 0 && pushed.output.isEmpty, "\(pushed.errors)")
        let again = try world.sandbox(["push", "--quiet", "mine:1", name])
        #expect(again.status == 0 && again.errors.isEmpty, "\(again.errors)")
        #expect(registry.requests("PUT", "/blobs/uploads/").count == 2)
        let fresh = try World()
        let ran = try fresh.sandbox(["run", "--quiet", name, "echo", "there"])
        #expect(ran.status == 0 && ran.output == "there\n", "\(ran.errors)")
        let nowhere = try world.sandbox(["push", "nosuch:1", name])
        #expect(nowhere.status == 125 && nowhere.errors.contains("nosuch"), "\(nowhere.errors)")
    }

    @Test(.enabled(if: Files.isAccessible("/usr/bin/skopeo", 1), "needs skopeo"))
    func skopeoSeesWhatIsPushed() throws {
        let registry = try LoopbackRegistry(world)
        try registry.serve(world, "x", image("one", #", "config": {"Env": ["A=b"]}"#))
        #expect(try world.sandbox(["pull", registry.address + "/x:1"]).status == 0)
        #expect(try world.sandbox(["push", registry.address + "/x:1", registry.address + "/y:2"]).status == 0)
        let read = try world.sh(
            """
            skopeo inspect --tls-verify=false --format '{{.Digest}} {{len .Layers}} {{.Env}}' \
                docker://\(registry.address)/y:2
            """
        )
        let own = try world.sh(
            "skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://\(registry.address)/x:1")
        #expect(read.output.hasPrefix(own.lines.first ?? "-") && read.output.contains("2 [A=b]"), "\(read)")
    }
}
