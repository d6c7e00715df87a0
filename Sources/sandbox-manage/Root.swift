// The commands, and the way from the command line to one of them and to an exit status.

import ArgumentParser
import Foundation
import LinuxSystem
import Profiles
import SandboxPolicy

struct Root: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox",
        abstract: "Run commands on a copy-on-write root file system, without root and without a daemon.",
        subcommands: [
            PullCommand.self, PushCommand.self, ImagesCommand.self, ImportCommand.self, TagCommand.self,
            RemoveImageCommand.self, PruneCommand.self, UsageCommand.self, VerifyCommand.self, SaveCommand.self,
            LoadCommand.self, ExportCommand.self, InspectCommand.self,
            ListCommand.self, DiffCommand.self, WhyCommand.self, RemoveCommand.self, ProfileCommand.self,
            DoctorCommand.self,
            CompletionCommand.self, VersionCommand.self,
            // Hidden: what the launcher and the shells ask for.
            PullForRunCommand.self, AdoptCommand.self, UnpackCommand.self, UnpackTarCommand.self,
            RemoveTreeCommand.self, FilterCommand.self, SetupCommand.self,
            ReportCommand.self, SettingsCommand.self, CompleteCommand.self, OptionsPageCommand.self,
            ComparedPageCommand.self, ManualPageCommand.self,
        ])

    static let version = "sandbox 0.1.0"

    static func name(of command: any ParsableCommand.Type) -> String {
        command.configuration.commandName ?? "\(command)"
    }

    /// The commands a user may type, with those that the launcher runs itself.
    static var visibleNames: [String] {
        LaunchCommand.allCases.map(\.rawValue) + visible.map(name) + ["help"]
    }

    static var visible: [any ParsableCommand.Type] {
        configuration.subcommands.filter { $0.configuration.shouldDisplay }
    }
}

/// One start of the program.
struct Invocation {
    let words: [String]

    init(_ words: [String]) { self.words = words }

    /// 125: ours, not the status of a command inside.
    static let failure = ExitCode(125)

    func run() -> ExitCode {
        switch words.first {
        case nil, "--help", "-h": return show(Help.overview)
        case "--version", "-v", "-V": return show(Root.version + "\n")
        case "help": return help(for: Array(words.dropFirst()))
        case let word?:
            guard word.hasPrefix("-") || Root.configuration.subcommands.contains(where: { Root.name(of: $0) == word })
            else { return fail(Self.unknown(word)) }
            if let message = Self.unknownInGroup(words) { return fail(message) }
        }
        do {
            var command = try Root.parseAsRoot(words)
            try command.run()
            return .success
        } catch let status as ExitCode {
            return status
        } catch  where Root.exitCode(for: error).isSuccess {
            return show(Root.fullMessage(for: error, columns: OptionHelp.width) + "\n")
        } catch {
            return fail(Mistake.words(Root.message(for: error), of: words))
        }
    }

    private func help(for path: [String]) -> ExitCode {
        guard let first = path.first else { return show(Help.overview) }
        guard let page = Help.page(path) else { return fail(Self.unknownInGroup(path) ?? Self.unknown(first)) }
        return show(page)
    }

    private static func unknown(_ word: String) -> String {
        if LaunchCommand(rawValue: word) != nil { return "\(word) is run by sandbox, not by sandbox-manage" }
        if let here = ForeignCommand.here(word) { return "unknown command \(quoted(word)); here: \(here)" }
        let near = Nearest.suggestion(word, among: Root.visibleNames)
        return "unknown command \(quoted(word))" + (near.isEmpty ? "; see `sandbox help`" : near)
    }

    /// What is wrong with the second word, where the first is a group of commands.
    private static func unknownInGroup(_ words: [String]) -> String? {
        guard words.count > 1, !words[1].hasPrefix("-"),
            let group = Root.configuration.subcommands.first(where: { Root.name(of: $0) == words[0] })
        else { return nil }
        let names = group.configuration.subcommands.map(Root.name)
        guard !names.isEmpty, !names.contains(words[1]) else { return nil }
        let near = Nearest.suggestion(words[1], among: names)
        return "unknown command \(quoted("\(words[0]) \(words[1])"))"
            + (near.isEmpty ? "; it is one of \(names.joined(separator: ", "))" : near)
    }

    private func show(_ text: String) -> ExitCode {
        print(text, terminator: "")
        return .success
    }

    private func fail(_ message: String) -> ExitCode {
        Self.say(message)
        return Self.failure
    }

    /// One line on standard error.
    static func say(_ message: String) {
        let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        // Nobody can be told where it is closed or full.
        do { try Descriptor.standardError(Array("sandbox: \(escaped(line))\n".utf8)) } catch {}
    }
}

/// The folders that this process works with.
struct Surroundings {
    let home: String
    let places: Places
    let installation: Installation
    let currentFolder: String

    /// - Parameter believingAll: also folders of this program's that are open to others: to tell of them.
    /// - Throws: where the current folder or the program's own path can't be told, or there is such a folder.
    init(believingAll: Bool = false) throws(SurroundingsError) {
        home = Self.home
        places = Places(
            home: home, dataHome: Process.environment("XDG_DATA_HOME"),
            cacheHome: Process.environment("XDG_CACHE_HOME"), configHome: Process.environment("XDG_CONFIG_HOME"))
        var ownership = Ownership()
        for folder in believingAll ? [] : places.all {
            if let stranger = ownership.stranger(of: folder) {
                throw .foreign(Places.refusal(folder, stranger.reason(of: folder)))
            }
        }
        let executable: String
        do { executable = try Process.ownExecutable() } catch { throw .noExecutable(error) }
        installation = Installation(executable: executable) { FileStatus.stamp(of: $0) != "-" }
        do { currentFolder = try Process.currentFolder() } catch { throw .noCurrentFolder(error) }
    }

    var resolver: ProfileResolver {
        ProfileResolver(
            search: ProfileSearch(
                places: places, installed: installation.profiles, currentFolder: currentFolder, home: home))
    }

    /// $HOME, or what passwd(5) says.
    private static var home: String {
        if let home = Process.environment("HOME"), home.hasPrefix("/") { return home }
        for line in (Files.text("/etc/passwd") ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count >= 7, UInt32(fields[2]) == Process.realUser, fields[5].hasPrefix("/") {
                return String(fields[5])
            }
        }
        return "/"
    }
}

enum SurroundingsError: Error, CustomStringConvertible {
    case noExecutable(Errno)
    case noCurrentFolder(Errno)
    /// A folder of this program's that another user may fill.
    case foreign(String)

    var description: String {
        switch self {
        case .noExecutable(let errno): "can't tell where this program is: /proc/self/exe: \(errno); is /proc mounted?"
        case .noCurrentFolder(let errno): "can't tell the current folder: \(errno); change to one that exists"
        case .foreign(let text): text
        }
    }
}
