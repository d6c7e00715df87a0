// A world for one test: a home and a root file system of its own, and the built launcher started in it.

import Foundation
import LinuxSystem

public struct Outcome {
    public let status: Int32
    public let output: String
    public let errors: String

    public init(status: Int32, output: String, errors: String) {
        self.status = status
        self.output = output
        self.errors = errors
    }

    public var lines: [String] { output.split(separator: "\n").map(String.init) }
}

public final class World: Sendable {
    public let folder: String

    public init() throws {
        let template = FileManager.default.temporaryDirectory.path + "/sandbox-test-XXXXXX"
        var path = Array(template.utf8CString)
        guard mkdtemp(&path) != nil else { throw Errno.current }
        folder = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try Files.makeDirectories(home)
    }

    deinit { remove() }

    public func remove() {
        do throws(Errno) { try Files.removeTree(folder) } catch {
            // Files of subordinate ids are there after tests that keep an upper.
            do { try sh("chmod -R u+rwX . 2>/dev/null; '\(Self.manage)' __remove-tree '\(folder)'") } catch {}
        }
    }

    public var home: String { folder + "/home" }
    public var root: String { folder + "/root" }

    /// The launcher that was installed for the tests, or the one built beside them.
    public static let binary: String = {
        if let path = ProcessInfo.processInfo.environment["SANDBOX_BINARY"] { return path }
        let own = (try? LinuxSystem.Process.ownExecutable()) ?? ""
        return own.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/sandbox"
    }()

    public static var manage: String {
        let installed = binary.replacingOccurrences(of: "/bin/sandbox", with: "/libexec/sandbox/sandbox-manage")
        return installed == binary ? binary + "-manage" : installed
    }

    /// The folder of fixtures beside the checkout, or nil.
    public static let shared: String? = {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["SANDBOX_SHARED"], !path.isEmpty { return path }
        let path = URL(fileURLWithPath: #filePath + "/../../../../shared").standardized.path
        return FileManager.default.fileExists(atPath: path + "/fixtures") ? path : nil
    }()

    public static var alpine: String? { shared.map { $0 + "/fixtures/alpine-minirootfs-3.20.3-x86_64.tar.gz" } }
    public static let noShared = "needs the fixtures folder beside the checkout (SANDBOX_SHARED)"

    private static let busyboxNames = Result { try World().sh("/bin/busybox --list").lines.filter { $0 != "busybox" } }

    /// A root file system of one static busybox with all its names.
    public func makeRoot() throws {
        for name in ["bin", "etc", "tmp"] { try Files.makeDirectories(root + "/" + name, mode: 0o755) }
        if !Files.isAccessible(root + "/bin/busybox", 0) {
            try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: root + "/bin/busybox")
            let bin = try Descriptor.open(root + "/bin", [.readOnly, .directory])
            for name in try Self.busyboxNames.get() { try bin.makeSymlink(name, to: "busybox") }
        }
        try write("root/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
        try write("root/etc/group", "root:x:0:\nuser:x:1000:\nextra:x:1001:user\n")
    }

    /// Runs `sandbox` with these words, from the world's folder.
    public func sandbox(_ words: [String], environment: [String: String] = [:]) throws -> Outcome {
        try start(Self.binary, words, environment: environment).finish()
    }

    /// `sandbox run OPTIONS ./root sh -c SCRIPT`.
    public func run(_ options: [String], _ script: String) throws -> Outcome {
        try sandbox(["run"] + options + ["./root", "sh", "-c", script])
    }
    public func run(_ script: String) throws -> Outcome { try run([], script) }

    @discardableResult
    public func sh(_ script: String, environment: [String: String] = [:]) throws -> Outcome {
        try start("/bin/bash", ["-c", script], environment: environment).finish()
    }

    public func start(_ program: String, _ words: [String], environment: [String: String] = [:]) throws -> Running {
        try Running(self, program, words, environment)
    }

    public func write(_ path: String, _ text: String) throws {
        let whole = folder + "/" + path
        try Files.makeDirectories(String(whole[..<(whole.lastIndex(of: "/") ?? whole.startIndex)]))
        try Data(text.utf8).write(to: URL(fileURLWithPath: whole))
    }

    /// Names, kinds, modes, times and contents of a tree, in one comparable text.
    public func fingerprint(_ path: String) throws -> String {
        try sh("cd \(path) && find . -printf '%p %y %m %T@ %l\\n' | sort; find . -type f -exec sha256sum {} + | sort")
            .output
    }
}

/// A started program; its output goes to files, so that none of it can block.
public final class Running: Sendable {
    public let id: Int32
    private let base: String

    public init(_ world: World, _ program: String, _ words: [String], _ environment: [String: String]) throws {
        base = world.folder + "/out-" + UUID().uuidString
        let output = try Descriptor.open(base + ".1", [.writeOnly, .create], mode: 0o600)
        let errors = try Descriptor.open(base + ".2", [.writeOnly, .create], mode: 0o600)
        let input = try Descriptor.open("/dev/null", [.readOnly])
        let variables = [
            "HOME": world.home, "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "SANDBOX": World.binary,
        ].merging(environment) { $1 }
        id = try LinuxSystem.Process.spawn(
            "/bin/sh", arguments: ["sh", "-c", "cd \"$0\" && exec \"$@\"", world.folder, program] + words,
            environment: variables.map { $0.key + "=" + $0.value }, output: output.raw, errorOutput: errors.raw,
            input: input.raw)
    }

    public var outputSoFar: String { Files.text(base + ".1") ?? "" }

    /// Waits until the program has printed `text`.
    public func waitForOutput(_ text: String) throws {
        for _ in 0..<500 {
            if outputSoFar.contains(text) { return }
            usleep(20_000)
        }
        throw Errno.noData
    }

    public func signal(_ number: Int32) { LinuxSystem.Process.kill(id, number) }

    public func finish() throws -> Outcome {
        Outcome(
            status: try LinuxSystem.Process.wait(for: id).shellStatus,
            output: String(decoding: try Files.read(base + ".1"), as: UTF8.self),
            errors: String(decoding: try Files.read(base + ".2"), as: UTF8.self))
    }
}

/// Ids of processes of this machine whose command line contains `text`.
public func processes(with text: String) -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { Int32($0) }.filter {
        let words = (Files.text("/proc/\($0)/cmdline") ?? "").replacingOccurrences(of: "\u{0}", with: " ")
        return words.contains(text)
    }
}
