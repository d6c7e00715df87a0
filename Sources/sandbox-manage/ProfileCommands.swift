// `sandbox profile …`, and `__settings`, by which the launcher has a profile turned into plain settings.

import ArgumentParser
import Foundation
import LinuxSystem
import Profiles
import Reports
import SandboxPolicy

struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "list, show, check and trust profiles",
        subcommands: [
            ProfileListCommand.self, ProfileShowCommand.self, ProfileCheckCommand.self, ProfileTrustCommand.self,
            ProfileLearnCommand.self,
        ])
}

enum ListFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

struct ProfileListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "list the profiles that are found by name")

    @ArgumentParser.Option(help: "how to print: text or json") var format = ListFormat.text

    /// One profile, as `--format json` prints it.
    struct Row: Codable {
        let name: String
        let source: ProfileSource
        let file: String
        let description: String
        /// Another of this name is found before it.
        let shadowed: Bool
    }

    func run() throws {
        try Confined.toReading()
        let resolver = try Surroundings().resolver
        let rows = resolver.search.all().map { found in
            Row(
                name: found.name, source: found.source, file: found.file,
                description: Self.describe(found, resolver), shadowed: found.shadowed)
        }
        switch format {
        case .json:
            try printJSON(rows)
        case .text:
            let width = (rows.map { escaped($0.name).count }.max() ?? 0) + 2
            for row in rows {
                let name = escaped(row.name).padding(toLength: width, withPad: " ", startingAt: 0)
                let source = row.source.rawValue.padding(toLength: 11, withPad: " ", startingAt: 0)
                print("\(name)\(source)\(escaped(row.description))\(row.shadowed ? " (shadowed)" : "")")
            }
        }
    }

    /// What a profile says of itself, or what is wrong with it: one bad file must not hide the others.
    private static func describe(
        _ found: (name: String, source: ProfileSource, file: String, shadowed: Bool), _ resolver: ProfileResolver
    ) -> String {
        do {
            let content = try resolver.content(of: found.file, source: found.source)
            return try ProfileReader.read(content, name: found.name, file: found.file).text ?? ""
        } catch {
            return "error: \(error)"
        }
    }
}

struct ProfileShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "print a profile")

    @ArgumentParser.Argument(help: "a profile's name or file") var name: String
    @Flag(help: "print what it comes to, with those it extends, and where each value is from") var resolved = false

    func run() throws {
        try Confined.toReading()
        let resolver = try Surroundings().resolver
        guard resolved else {
            let found = try resolver.locate(name)
            let content = try resolver.content(of: found.file, source: found.source)
            print(escaped(String(decoding: content, as: UTF8.self), keepingLines: true), terminator: "")
            return
        }
        for setting in try resolver.resolve(name, trusting: true).settings {
            print("\(setting.profileText)  # from \(escaped(setting.origin.word))")
        }
    }
}

struct ProfileCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "look for mistakes in a profile, and say what it opens and how dangerous that is")

    @ArgumentParser.Argument(help: "a profile's name or file") var name: String
    @ArgumentParser.Option(help: "how to print: text or json") var format = ListFormat.text

    func run() throws {
        try Confined.toReading()
        let resolution = try Surroundings().resolver.resolve(name, trusting: true)
        // Values are read one by one already; this finds those that don't go together.
        let openings = Openings(try Policy(resolution.settings)) { path in
            do throws(Errno) { return try Files.canonical(path) } catch { return path }
        }
        if format == .json {
            try printJSON(openings)
            return
        }
        print("\(escaped(name)): no mistakes")
        print(openings.all.isEmpty ? "opens nothing" : "opens:")
        for opening in openings.all {
            let danger = opening.danger.rawValue
            print(
                "  \(danger)\(String(repeating: " ", count: 8 - danger.count))\(opening.setting.profileText)"
                    + "  # \(resolution.place(of: opening.setting))")
            print("          it \(opening.meaning)")
        }
        if !openings.closed.isEmpty { print("keeps closed: " + openings.closed.joined(separator: "; ")) }
        for member in resolution.members where member.needsTrust && member.trust != .trusted {
            print("not trusted yet: \(escaped(member.profile.file)); say `sandbox profile trust \(escaped(name))`")
        }
    }
}

struct ProfileTrustCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trust", abstract: "let a profile of the project's open the sandbox",
        discussion: """
            The profile is trusted as it is now, with those of the project's that it extends, the content of the filters, \
            files of variables and archives that they name, and where their other paths lead: a change of any of \
            these makes it untrusted again. What is in a folder that it shows may change.
            """)

    @ArgumentParser.Argument(help: "a profile's name or file") var name: String
    @Flag(help: "take the trust back") var revoke = false

    func run() throws {
        let resolver = try Surroundings().resolver
        if revoke {
            try resolver.trust.revoke(try resolver.locate(name).file)
            return
        }
        let resolution = try resolver.resolve(name, trusting: true)
        let members = resolution.members.filter(\.needsTrust)
        guard !members.isEmpty else {
            let found = try resolver.locate(name)
            throw ProfileError.needsNoTrust(name: name, file: found.file)
        }
        for line in resolution.opening { Invocation.say("opens \(line)") }
        for member in members {
            try resolver.trust.trust(member.profile.file, covers: member.covers)
            Invocation.say("trusted \(quoted(member.profile.file)) as it is now")
        }
    }
}

extension ProfileResolution {
    /// Where a setting is said: the profile, its file and the line.
    fileprivate func place(of setting: Setting) -> String {
        for member in members {
            guard let line = member.profile.lines.last(where: { $0.setting == setting }) else { continue }
            return escaped("\(member.profile.name), \(member.profile.file)") + ":\(line.line)"
        }
        return escaped(setting.origin.word)
    }

    /// What opens the sandbox, one `key = value  # profile, file:line` each.
    fileprivate var opening: [String] {
        members.flatMap { member in
            member.profile.lines.filter(\.setting.opens).map { line in
                "\(line.setting.profileText)  # \(escaped("\(member.profile.name), \(member.profile.file)")):\(line.line)"
            }
        }
    }
}

struct SettingsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "__settings", abstract: "Write a profile's settings for the launcher.", shouldDisplay: false)

    @ArgumentParser.Argument(help: "the file to write") var output: String
    @ArgumentParser.Argument(help: "names or files of profiles, the later over the earlier") var profiles: [String]
    @ArgumentParser.Option(help: "what the file is found by", transform: entryKey) var key: EntryKey

    func run() throws {
        try Confined.toCache(output)
        let resolution = try Surroundings().resolver.resolve(profiles)
        do throws(Errno) {
            try Files.replaceMakingFolders(output, with: key.entry(resolution.file.encoded))
        } catch {
            throw ProfileError.notWritten(output, error)
        }
    }
}
