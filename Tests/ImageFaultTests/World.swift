// A world for one test: stores of its own, a registry beside them, and the built programs started in it.

import Foundation
import LinuxSystem
import Testing

struct Outcome: Sendable {
    let status: Int32
    let output: String
    let errors: String

    var lines: [String] { output.split(separator: "\n").map(String.init) }
    var isSilent: Bool { status == 0 && output.isEmpty && errors.isEmpty }
}

final class World: Sendable {
    let folder: String

    init() throws {
        let template = FileManager.default.temporaryDirectory.path + "/fault-test-XXXXXX"
        var path = Array(template.utf8CString)
        guard mkdtemp(&path) != nil else { throw Errno.current }
        folder = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try Files.makeDirectories(folder + "/home")
    }

    deinit {
        do throws(Errno) { try Files.removeTree(folder) } catch { Issue.record("left behind: \(folder): \(error)") }
    }

    /// The launcher that was installed for the tests, or the one built beside them.
    static let binary: String = {
        if let path = ProcessInfo.processInfo.environment["SANDBOX_BINARY"] { return path }
        do throws(Errno) {
            let own = try LinuxSystem.Process.ownExecutable()
            return own.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/sandbox"
        } catch { return "/nonexistent/sandbox" }
    }()

    /// The top of the checkout.
    static let checkout = URL(fileURLWithPath: #filePath + "/../../..").standardized.path

    static let missing: Comment =
        "needs the Debian packages docker-registry, python3, busybox-static and util-linux, and user namespaces"
    static let canRun: Bool = ["/usr/bin/docker-registry", "/usr/bin/python3", "/bin/busybox", "/usr/bin/unshare"]
        .allSatisfy { Files.isAccessible($0, 1) }

    /// How long a test by chance lasts, about: SANDBOX_TEST_SECONDS.
    static let seconds = ProcessInfo.processInfo.environment["SANDBOX_TEST_SECONDS"].flatMap(Double.init) ?? 8

    /// Where one test keeps its images, by a name of its own.
    func store(_ name: String = "data") -> [String: String] { ["XDG_DATA_HOME": folder + "/" + name] }

    /// A path within the store `store`.
    func path(_ part: String, in store: String = "data") -> String { "\(folder)/\(store)/sandbox/\(part)" }

    func sandbox(_ words: [String], store: String = "data") throws -> Outcome {
        try start(words, store: store).finish()
    }

    /// Runs `sandbox`, and fails the test where it fails.
    @discardableResult
    func must(_ words: [String], store: String = "data") throws -> Outcome {
        let outcome = try sandbox(words, store: store)
        try #require(outcome.status == 0, "sandbox \(words): \(outcome.errors)")
        return outcome
    }

    func start(_ words: [String], store name: String = "data") throws -> Running {
        try Running(self, [Self.binary] + words, store(name))
    }

    /// Runs a shell command in the world's folder.
    func sh(_ script: String, _ words: [String] = [], environment: [String: String] = [:]) throws -> Outcome {
        try Running(self, ["/bin/bash", "-c", script, "sh"] + words, environment).finish()
    }

    /// Names, kinds, modes, times and contents of all layers in a store, in one comparable text.
    /// But for the times of their tops, which no archive names.
    func layers(in store: String = "data") throws -> String {
        let outcome = try sh(
            "cd '\(path("layers", in: store))' && find . -mindepth 2 -printf '%p %y %m %U %T@ %l\\n' | sort && "
                + "find . -type f -exec sha256sum {} + | sort")
        try #require(outcome.status == 0, "\(outcome.errors)")
        return outcome.output
    }

    /// What writers have left unfinished in a store.
    func debris(in store: String = "data") throws -> [String] {
        try sh("find '\(path(".", in: store))' -mindepth 1 -maxdepth 2 '(' -name '.*' -o -name '*.new' ')'").lines
    }
}

/// A started program; its output goes to files, so that none of it can block.
final class Running: Sendable {
    let id: Int32
    private let base: String

    init(_ world: World, _ words: [String], _ environment: [String: String]) throws {
        base = world.folder + "/out-" + UUID().uuidString
        let output = try Descriptor.open(base + ".1", [.writeOnly, .create], mode: 0o600)
        let errors = try Descriptor.open(base + ".2", [.writeOnly, .create], mode: 0o600)
        let input = try Descriptor.open("/dev/null", [.readOnly])
        let variables = [
            "HOME": world.folder + "/home", "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        ].merging(environment) { $1 }
        id = try LinuxSystem.Process.spawn(
            "/bin/sh", arguments: ["sh", "-c", "cd \"$0\" && exec \"$@\"", world.folder] + words,
            environment: variables.map { $0.key + "=" + $0.value }, output: output.raw, errorOutput: errors.raw,
            input: input.raw)
    }

    func kill() { LinuxSystem.Process.kill(id, SIGKILL) }

    func finish() throws -> Outcome {
        let status = try LinuxSystem.Process.wait(for: id).shellStatus
        let outcome = Outcome(
            status: status, output: String(decoding: try Files.read(base + ".1"), as: UTF8.self),
            errors: String(decoding: try Files.read(base + ".2"), as: UTF8.self))
        for stream in [".1", ".2"] { try Files.remove(base + stream) }
        return outcome
    }
}
