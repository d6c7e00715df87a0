// `__setup`: runs a profile's set-up commands once on a root file system, and keeps what they changed as a layer.

import ArgumentParser
import ImageStore
import LinuxSystem
import SandboxPolicy

struct SetupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "__setup", shouldDisplay: false)

    @ArgumentParser.Option(help: "what the layer is found by", transform: entryKey) var key: EntryKey
    @ArgumentParser.Argument(help: "ROOTFS as on the command line of run") var root: String
    @ArgumentParser.Option(name: .customLong("id-map")) var identity: String
    @ArgumentParser.Option var network: String
    @ArgumentParser.Option var unless: String?
    @ArgumentParser.Option(name: .customLong("on"), help: "DISTRIBUTION=COMMAND") var commands: [String] = []
    @ArgumentParser.Option(name: .customLong("layer")) var layers: [String] = []
    @ArgumentParser.Option(name: .customLong("lower"), help: "a layer of the root, lowest first") var lowers: [String] =
        []
    @ArgumentParser.Flag var quiet = false

    func run() throws {
        let launcher = try launcher
        try ImageStore().setUp(key, removingBy: launcher.removeTree, make)
    }

    private var launcher: SetupLauncher {
        get throws { SetupLauncher(installation: try Surroundings().installation) }
    }

    private func make(in aside: String) throws {
        var options = ["--quiet", "--id-map", identity]
        for layer in layers { options += ["--layer", layer] }
        if let unless, try launcher.run(options, root, unless, output: aside + "/log") == 0 { return }
        let release = try OSRelease.find(lowers: lowers + layers, isHost: root == "host")
        guard let (distribution, command) = choose(release) else {
            let known = commands.map { String($0.prefix { $0 != "=" }) }.joined(separator: ", ")
            throw SetupError.noCommand(distribution: release.identifiers.first ?? "unknown", known: known)
        }
        if !quiet { SetupLauncher.say("setting up for \(distribution), once: \(command)") }
        options += [
            "--network", network, "--upper", Places.setupTree(aside), "--env", "DEBIAN_FRONTEND=noninteractive",
        ]
        let log = quiet ? aside + "/log" : nil
        let status = try launcher.run(options, root, command, output: log)
        if status == 0 { return }
        if let log, let text = Files.text(log) { SetupLauncher.show(text) }
        throw SetupError.failed(distribution: distribution, command: command, status: status)
    }

    private func choose(_ release: OSRelease) -> (distribution: String, command: String)? {
        for identifier in release.identifiers {
            for entry in commands where entry.hasPrefix(identifier + "=") {
                return (identifier, String(entry.dropFirst(identifier.count + 1)))
            }
        }
        return nil
    }
}

enum SetupError: Error, CustomStringConvertible {
    case noCommand(distribution: String, known: String)
    case failed(distribution: String, command: String, status: Int32)

    var description: String {
        switch self {
        case .noCommand(let distribution, let known):
            "the profile has no set-up for \(quoted(distribution)) (only for \(known)); "
                + "add a line for it under [setup], or run without this profile"
        case .failed(let distribution, let command, let status):
            "set-up for \(distribution) failed with status \(status): \(quoted(command)); nothing of it was kept. "
                + "A set-up that downloads needs `network = \"user\"` under [setup] and a source that answers"
        }
    }
}

/// Starts the launcher for set-up commands, always with the profile that came with the program.
struct SetupLauncher {
    let installation: Installation

    /// - Parameter output: a file that takes what the command prints; nil: standard error.
    /// - Returns: the exit status.
    func run(_ options: [String], _ root: String, _ command: String, output: String?) throws -> Int32 {
        let words =
            ["sandbox", "run", "--profile", installation.profiles + "/default.toml"] + options
            + [root, "/bin/sh", "-ec", command]
        let input = try Descriptor.open("/dev/null", [.readOnly])
        guard let output else {
            let child = try Process.spawn(installation.launcher, arguments: words, output: 2, input: input.raw)
            return try Process.wait(for: child).shellStatus
        }
        let file = try Descriptor.open(output, [.writeOnly, .create, .truncate, .noFollow], mode: 0o600)
        let child = try Process.spawn(
            installation.launcher, arguments: words, output: file.raw, errorOutput: file.raw, input: input.raw)
        return try Process.wait(for: child).shellStatus
    }

    func removeTree(_ path: String) throws {
        if !Files.isAccessible(path, 0) { return }
        let child = try Process.spawn(installation.manage, arguments: ["sandbox", "__remove-tree", path], output: 2)
        _ = try Process.wait(for: child)
    }

    static func say(_ text: String) {
        let line = String(quoted("sandbox: " + text).dropFirst().dropLast()) + "\n"
        do throws(Errno) { try Descriptor.standardError(Array(line.utf8)) } catch {}
    }

    static func show(_ text: String) {
        do throws(Errno) { try Descriptor.standardError(Array(text.utf8)) } catch {}
    }
}

/// `ID` and `ID_LIKE` of os-release(5).
struct OSRelease {
    /// Most exact first.
    let identifiers: [String]

    /// Reads the topmost os-release of the layers, which are the image's: opened inside each, size-limited.
    static func find(lowers: [String], isHost: Bool) throws -> OSRelease {
        for lower in isHost ? ["/"] : lowers.reversed() {
            let root = try Descriptor.open(lower, [.path, .directory])
            for path in ["/etc/os-release", "/usr/lib/os-release"] {
                do throws(Errno) {
                    let file = try root.openInRoot(path, [.readOnly, .nonBlocking])
                    guard try file.status().kind == .regular else { continue }
                    return OSRelease(text: String(decoding: try file.readAll(limit: 64 << 10), as: UTF8.self))
                } catch { continue }
            }
            if try root.isOpaque() { break }
        }
        return OSRelease(identifiers: [])
    }

    init(identifiers: [String]) { self.identifiers = identifiers }

    init(text: String) {
        func value(_ key: String) -> [String] {
            for line in text.split(separator: "\n") where line.hasPrefix(key + "=") {
                let value = line.dropFirst(key.count + 1).filter { $0 != "\"" && $0 != "'" }
                return value.split(separator: " ").map(String.init)
            }
            return []
        }
        identifiers = value("ID") + value("ID_LIKE")
    }
}
