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
        guard try CommandWords(words).subject != nil else { throw LearnError.nothingToRun }
        // Both are opened before the command runs: it may change what their paths lead to.
        let target = try ProfileTarget(output, surroundings)
        if !force, target.isThere { throw LearnError.exists(target.path) }
        let record = try Descriptor.memoryFile("observations")
        let launcher = surroundings.installation.launcher
        Signals.blockSupervised()
        let status = Self.wait(
            for: try Process.spawn(launcher, arguments: [launcher, "__learn"] + words, third: record.raw))
        Signals.restoreDefaults()
        try record.rewind()
        guard let seen = ObservationRecord(encoded: try record.readAll(limit: 64 << 20)) else {
            // The launcher has said why nothing ran.
            throw ExitCode(status.shellStatus == 0 ? 125 : status.shellStatus)
        }
        if !force, target.isThere { throw LearnError.exists(target.path) }
        try target.write(LearnedProfile(seen, base: base).text)
        guard status == .exited(0) else {
            Invocation.say(
                "the command ended with \(status.shellStatus); \(quoted(target.path)) has what it needed to get there")
            throw ExitCode(status.shellStatus)
        }
        // Signals are how servers end, and no reason to forget what one did.
        if seen.unlisted > 0 {
            Invocation.say("\(seen.unlisted) paths more than are kept are missing from \(quoted(target.path))")
        }
    }

    /// Hands signals on, as the launcher does, until it has ended. What a terminal sends, it sends to both.
    private static func wait(for launcher: ProcessID) -> ExitStatus {
        while true {
            guard let signal = Signals.next() else { continue }
            guard signal.number == SIGCHLD else {
                if !signal.isFromKernel { Process.kill(launcher, signal.number) }
                continue
            }
            do throws(Errno) {
                while let ended = try Process.reap() {
                    if ended.child == launcher { return ended.status }
                }
            } catch { return .exited(125) }
        }
    }
}

/// Where a learned profile goes: a name in an open folder.
private struct ProfileTarget: ~Copyable {
    /// As the user would write it.
    let path: String
    private let folder: Descriptor
    private let name: String

    /// - Parameter output: a profile's name, which goes to the user's own, or the path of a file.
    init(_ output: String, _ surroundings: Surroundings) throws(LearnError) {
        let path = try Self.path(output, surroundings)
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let name = String(path[path.index(after: slash)...])
        guard !name.isEmpty, name != ".", name != ".." else { throw .badName(output) }
        folder = try Self.openFolder(
            of: path, surroundings.places, slash == path.startIndex ? "/" : String(path[..<slash]))
        self.path = path
        self.name = name
    }

    private static func path(_ output: String, _ surroundings: Surroundings) throws(LearnError) -> String {
        if output.contains("/") || output.hasSuffix(".toml") {
            return output.hasPrefix("/") ? output : surroundings.currentFolder + "/" + output
        }
        guard Policy.isSandboxName(output) else { throw .badName(output) }
        let installed = surroundings.installation.profiles + "/" + output + ".toml"
        guard FileStatus.stamp(of: installed) == "-" else { throw .installed(output) }
        let path = surroundings.places.userProfiles + "/" + output + ".toml"
        do throws(Errno) { try Files.makeDirectories(surroundings.places.userProfiles) } catch {
            throw .notWritten(path, error)
        }
        return path
    }

    private static func openFolder(
        of path: String, _ places: Places, _ folder: String
    ) throws(LearnError) -> Descriptor {
        do throws(any Error) { return try Descriptor.open(checkedPath(folder, places), [.path, .directory]) } catch let
            error as Errno
        {
            throw .notWritten(path, error)
        } catch { throw .turned("\(error)") }
    }

    var isThere: Bool {
        do throws(Errno) {
            _ = try folder.status(of: name)
            return true
        } catch { return false }
    }

    /// Whole or not at all.
    func write(_ text: String) throws(LearnError) {
        let beside = ".\(name).\(Process.id).new"
        do throws(Errno) {
            var mode: UInt32 = 0o644
            // One that was closed to others stays so.
            do throws(Errno) { mode = try folder.status(of: name).permissions & 0o666 } catch .noEntry {}
            let file = try folder.open(
                beside, [.writeOnly, .create, .exclusive], mode: mode, resolve: [.beneath, .noSymlinks])
            try file.write(Array(text.utf8))
            try folder.rename(beside, to: name)
        } catch {
            do throws(Errno) { try folder.removeFile(beside) } catch {}
            throw .notWritten(path, error)
        }
    }
}

enum LearnError: Error, CustomStringConvertible {
    case exists(String)
    case badName(String)
    case nothingToRun
    case installed(String)
    case notWritten(String, Errno)
    /// A sandbox has turned the way to it.
    case turned(String)

    var description: String {
        switch self {
        case .exists(let file): "\(quoted(file)) is there already; give --force to write over it, or another name"
        case .badName(let name):
            "\(quoted(name)) can't be a profile's name: letters, digits, `.`, `_` and `-`; a file's path ends in .toml"
        case .installed(let name):
            "\(quoted(name)) is a profile that came with the program, which others extend; choose another name"
        case .nothingToRun:
            "say what to run: sandbox profile learn -o NAME [RUN OPTIONS] ROOTFS COMMAND…"
        case .turned(let why): why
        case .notWritten(let file, let errno): "can't write \(quoted(file)): \(errno)"
        }
    }
}
