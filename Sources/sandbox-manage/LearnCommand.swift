// `sandbox profile learn`: runs a command under the eyes of the launcher, and writes down what it needed.

import ArgumentParser
import Foundation
import LinuxSystem
import Observations
import Profiles
import Reports
import SandboxPolicy

struct ProfileLearnCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "learn", abstract: "run a command and write a profile of what it needed",
        usage: "sandbox profile learn [--base PROFILE] -o NAME|FILE [RUN OPTIONS] ROOTFS COMMAND…",
        discussion: """
            The command runs as `sandbox run` would run it, with the run options given here, and every system call of \
            it is looked at, which makes it slow. The profile allows the system calls, capabilities and network that \
            were used; hosts and paths stand in it as comments. What the filter of the run refuses stays refused: \
            --allow opens it while learning. A NAME goes to your own profiles, a FILE is a path that ends in .toml.
            """)

    @ArgumentParser.Option(help: "the profile that the new one extends") var base = "strict"
    @ArgumentParser.Option(name: [.customShort("o"), .long], help: "the new profile's name, or its file") var output:
        String
    @Flag(help: "write over a profile that is there") var force = false
    @ArgumentParser.Argument(parsing: .captureForPassthrough, help: "options of sandbox run, ROOTFS and the command")
    var words: [String] = []

    func run() throws {
        let surroundings = try Surroundings()
        _ = try surroundings.resolver.resolve(base)
        let file = try target(surroundings)
        if !force, FileStatus.stamp(of: file) != "-" { throw LearnError.exists(file) }
        let line = try CommandWords(words)
        guard line.subject != nil else { throw LearnError.nothingToRun }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sandbox-learn-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: folder) }
        let record = folder.path + "/record"
        let launcher = surroundings.installation.launcher
        let status = try Process.wait(
            for: Process.spawn(launcher, arguments: [launcher, "__learn", record] + words))
        guard let seen = (try? Files.read(record)).flatMap({ ObservationRecord(encoded: $0) }) else {
            // The launcher has said why nothing ran.
            throw ExitCode(125)
        }
        try write(LearnedProfile(seen, base: base).text, to: file)
        guard status == .exited(0) else {
            Invocation.say(
                "the command ended with \(status.shellStatus); \(quoted(file)) has what it needed to get there")
            throw ExitCode(status.shellStatus)
        }
        if seen.unlisted > 0 {
            Invocation.say("\(seen.unlisted) observations more than are kept are missing from \(quoted(file))")
        }
    }

    /// Where the profile goes.
    private func target(_ surroundings: Surroundings) throws -> String {
        if output.contains("/") || output.hasSuffix(".toml") {
            return output.hasPrefix("/") ? output : surroundings.currentFolder + "/" + output
        }
        guard Policy.isSandboxName(output) else { throw LearnError.badName(output) }
        return surroundings.places.userProfiles + "/" + output + ".toml"
    }

    private func write(_ text: String, to file: String) throws {
        do throws(Errno) {
            if let slash = file.lastIndex(of: "/"), slash != file.startIndex {
                try Files.makeDirectories(String(file[..<slash]), mode: 0o700)
            }
            try Files.replace(file, with: Array(text.utf8), mode: 0o644)
        } catch {
            throw LearnError.notWritten(file, error)
        }
    }
}

enum LearnError: Error, CustomStringConvertible {
    case exists(String)
    case badName(String)
    case nothingToRun
    case notWritten(String, Errno)

    var description: String {
        switch self {
        case .exists(let file): "\(quoted(file)) is there already; give --force to write over it, or another name"
        case .badName(let name):
            "\(quoted(name)) can't be a profile's name: letters, digits, `.`, `_` and `-`; a file's path ends in .toml"
        case .nothingToRun:
            "say what to run: sandbox profile learn -o NAME [RUN OPTIONS] ROOTFS COMMAND…"
        case .notWritten(let file, let errno): "can't write \(quoted(file)): \(errno)"
        }
    }
}
