// Images and kept sandboxes on the command line.

import ArgumentParser
import Foundation
import ImageStore
import Launcher
import LinuxSystem
import SandboxPolicy

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "bring a tar of a root file system in as an image")

    @ArgumentParser.Argument(help: "a tar file, plain or compressed; - for standard input") var file: String
    @ArgumentParser.Argument(help: "NAME[:TAG]") var name: String
    @ArgumentParser.OptionGroup var size: ImageSize
    @ArgumentParser.OptionGroup var owners: OwnerChoice
    @ArgumentParser.Flag(name: .shortAndLong, help: "say nothing but errors") var quiet = false

    func run() throws {
        let reference = try newImageReference(name)
        let mode = try owners.enter()
        let store = try ImageStore(size)
        let input = try file == "-" ? file : checkedPath(file, store.places)
        try Confined.toStore(store.places, reading: [input])
        let progress = TransferProgress("\(reference)", isQuiet: quiet || isatty(2) != 1)
        defer { progress.close() }
        try store.importTar(
            from: input, as: reference, mode: mode, progress: { progress.advance(label: file, to: $0) })
    }
}

struct NameError: Error, CustomStringConvertible {
    let name: String
    var description: String {
        "\(quoted(name)) can't name an image: NAME[:TAG] in lower-case letters, digits and . _ - /, as team/alpine:3.20"
    }
}

enum ChangesFormat: String, ExpressibleByArgument, CaseIterable {
    case plain, json
}

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "list what a kept sandbox, or an --upper folder, changed")

    @ArgumentParser.Argument(help: "a sandbox's name, or the folder given with --upper") var subject: String
    @ArgumentParser.Flag(help: "draw the changed files as a tree") var tree = false
    @ArgumentParser.Option(help: "plain or json") var format = ChangesFormat.plain

    func run() throws {
        // Files of other ids inside are readable only with the ids that the sandbox has.
        _ = try UserNamespace.enter(preferring: nil)
        var tooDeep = 0
        let places = try Surroundings().places
        let isPath = subject.contains("/") || !Policy.isSandboxName(subject)
        let tree = try ChangedTree.find(isPath ? checkedPath(subject, places) : subject, places)
        var closed: [TreePath] = []
        let changes = try tree.changes(unread: { tooDeep = $0.count }, closed: { closed = $0 })
        try show(changes)
        if let first = closed.first {
            let others = closed.count > 1 ? " and in \(closed.count - 1) other folders" : ""
            Invocation.say(
                "what is in \(quoted("/" + String(decoding: first.bytes, as: UTF8.self)))\(others) is not listed: another user has closed it"
            )
        }
        if tooDeep > 0 {
            Invocation.say(
                "what is in \(tooDeep) folders is not listed: their paths have \(TreePath.longest) bytes and more")
        }
        if tooDeep > 0 || !closed.isEmpty { throw ExitCode(1) }
    }

    private func show(_ changes: [Change]) throws {
        if format == .json {
            let rows = changes.map(ChangeRow.init)
            try printJSON(rows)
            return
        }
        let isColoured = isatty(1) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
        let output = ChangesOutput(changes, isColoured: isColoured)
        print(tree ? output.tree : output.lines, terminator: "")
    }
}

/// One value on standard output, for programs.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    print(terminalSafe(try encoder.encode(value)))
}

/// JSON with DEL and the C1 controls as escapes too: the encoder leaves them, and a terminal obeys them. They stand in
/// strings only.
func terminalSafe(_ json: Data) -> String {
    var text = ""
    for scalar in String(decoding: json, as: UTF8.self).unicodeScalars {
        if (0x7f...0x9f).contains(scalar.value) {
            text += "\\u00" + String(scalar.value, radix: 16)
        } else {
            text.unicodeScalars.append(scalar)
        }
    }
    return text
}

/// One change, for programs.
struct ChangeRow: Codable {
    var kind: Change.Kind
    var path: String
    var type: String
    var size: Int64

    init(_ change: Change) {
        kind = change.kind
        path = "/" + String(decoding: change.path.bytes, as: UTF8.self)
        type = change.type == .regular ? "file" : "\(change.type)"
        size = change.size
    }
}

struct RemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "remove kept sandboxes with their changes, and folders that --upper filled")

    @ArgumentParser.Argument(help: "their names; a folder is written with a slash, as ./changes") var names: [String]
    @ArgumentParser.Flag(name: .shortAndLong, help: "no error where there is none of a name") var force = false

    func run() throws {
        // Files of other ids inside go only with the ids that the sandbox has.
        _ = try UserNamespace.enter(preferring: nil)
        let places = try Surroundings().places
        let known = KeptSandboxes(places).names
        for name in names where !force || known.contains(name) || name.contains("/") { try Self.remove(name, places) }
    }

    private static func remove(_ name: String, _ places: Places) throws {
        if name.contains("/") {
            let path = try checkedPath(name, places)
            return try KeptUpper(Self.resolve(path), places).remove()
        }
        let kept = KeptSandboxes(places)
        if !kept.names.contains(name), isFolder(name) {
            throw Explained(
                description: "no kept sandbox \(quoted(name)); the folder of that name here is written ./\(name)")
        }
        try kept.remove(name)
    }

    private static func resolve(_ path: String) throws -> HostPath {
        do throws(Errno) { return try HostPath.resolve(path) } catch {
            throw Explained(description: "\(quoted(path)): \(error)")
        }
    }

    private static func isFolder(_ name: String) -> Bool {
        do throws(Errno) { return try FileStatus.of("./" + name).kind == .directory } catch { return false }
    }
}

/// Rows for programs and for people.
func list<Row: Codable>(_ rows: [Row], _ format: ListFormat, header: [String], cells: (Row) -> [String]) throws {
    if format == .json {
        try printJSON(rows)
        return
    }
    let table = [header] + rows.map(cells)
    let widths = header.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
    for row in table {
        let padded = zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
        print(padded.joined(separator: "  ").trimmingCharacters(in: .whitespaces))
    }
}

func date(_ nanoseconds: Int64) -> Date { Date(timeIntervalSince1970: Double(nanoseconds) / 1e9) }
func size(_ bytes: Int64) -> String {
    bytes < 1 << 20 ? "\((bytes + 1023) / 1024) KiB" : "\((bytes + (1 << 19)) / (1 << 20)) MiB"
}

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "list the kept sandboxes")

    @ArgumentParser.Flag(name: .shortAndLong, help: "all are shown, with it or without") var all = false
    @ArgumentParser.Flag(name: .shortAndLong, help: "names alone") var quiet = false
    @ArgumentParser.Option(help: "text or json") var format = ListFormat.text

    struct Row: Codable {
        var name: String
        /// ROOTFS, as it was given.
        var image: String
        var command: [String]
        /// Bytes that it changed.
        var size: Int64
        var created: Date
        var running: Bool
    }

    func run() throws {
        _ = try UserNamespace.enter(preferring: nil)
        let kept = KeptSandboxes(try Surroundings().places)
        if quiet { return kept.names.forEach { print($0) } }
        let rows = try kept.list().map {
            Row(
                name: $0.name, image: $0.image, command: $0.command, size: $0.size, created: date($0.created),
                running: $0.isRunning)
        }
        try list(rows, format, header: ["NAME", "IMAGE", "COMMAND", "CHANGES", "CREATED", "RUNNING"]) {
            [
                $0.name, escaped($0.image), Self.shortened($0.command), sandbox_manage.size($0.size),
                age(of: $0.created), $0.running ? "yes" : "no",
            ]
        }
    }

    /// As much as a row has room for.
    private static func shortened(_ command: [String]) -> String {
        let text = escaped(command.joined(separator: " "))
        return text.count > 24 ? text.prefix(23) + "…" : text
    }
}

struct ImagesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "images", abstract: "list the images of the store")

    @ArgumentParser.Flag(name: .shortAndLong, help: "names alone") var quiet = false
    @ArgumentParser.Option(help: "text or json") var format = ListFormat.text
    @ArgumentParser.Flag(name: .shortAndLong, help: "also images that were run from where they are, as oci:FOLDER")
    var all = false

    struct Row: Codable {
        var name: String
        var tag: String
        var digest: String
        var platform: String
        /// Bytes, uncompressed: all, and what no other image shares.
        var size: Int64
        var unique: Int64
        var added: Date
    }

    func run() throws {
        let images = try ImageStore().images().filter { all || !$0.reference.isMadeUp }
        if quiet { return images.forEach { print($0.reference.description) } }
        let rows = images.map {
            let place = $0.reference.isMadeUp ? $0.record?.key?.words.dropFirst().first : nil
            return Row(
                name: place ?? $0.reference.name, tag: place == nil ? $0.reference.tag ?? "" : "",
                digest: $0.record.map { "\($0.root)" } ?? "",
                platform: $0.record?.platform ?? "", size: $0.size, unique: $0.uniqueSize, added: date($0.added))
        }
        try list(rows, format, header: ["NAME", "TAG", "DIGEST", "SIZE", "UNIQUE", "ADDED"]) {
            [
                $0.name, $0.tag, $0.digest.isEmpty ? "damaged" : String($0.digest.dropFirst(7).prefix(12)),
                sandbox_manage.size($0.size), sandbox_manage.size($0.unique), age(of: $0.added),
            ]
        }
    }
}

/// As people say it: `5 minutes ago`.
func age(of date: Date, now: Date = Date()) -> String {
    let seconds = max(0, Int(now.timeIntervalSince(date)))
    for (unit, name) in [(86400 * 365, "year"), (86400 * 7, "week"), (86400, "day"), (3600, "hour"), (60, "minute")]
    where seconds >= unit {
        let count = seconds / unit
        return "\(count) \(name)\(count == 1 ? "" : "s") ago"
    }
    return "just now"
}

// What the launcher asks for.

private func identityMode(_ text: String) throws -> IdentityMode {
    guard let mode = IdentityMode(rawValue: text) else { throw ValidationError("single or range") }
    return mode
}

/// What an entry of the store or of a cache is found by, as the launcher hands it on.
func entryKey(_ text: String) throws -> EntryKey {
    guard let key = EntryKey(word: text) else { throw ValidationError("not a key") }
    return key
}

struct UnpackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "__unpack", shouldDisplay: false)

    @ArgumentParser.Argument var name: String
    @ArgumentParser.Argument(transform: identityMode) var mode: IdentityMode
    @ArgumentParser.Option(help: "the kept sandbox whose image it is") var kept: String?
    @ArgumentParser.OptionGroup var size: ImageSize

    func run() throws {
        let reference = try imageReference(name)
        _ = try UserNamespace.enter(preferring: mode)
        let store = try ImageStore(size)
        try Confined.toStore(store.places)
        if let kept { return try store.unpack(keptAs: kept, reference, mode: mode) }
        try store.unpack(reference, mode: mode)
    }
}

struct UnpackTarCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "__unpack-tar", shouldDisplay: false)

    @ArgumentParser.Argument var file: String
    @ArgumentParser.Argument(help: "FileStatus.stamp of it") var stamp: String
    @ArgumentParser.Argument(transform: identityMode) var mode: IdentityMode
    @ArgumentParser.Option(help: "what the layer is found by", transform: entryKey) var key: EntryKey
    @ArgumentParser.OptionGroup var size: ImageSize

    func run() throws {
        _ = try UserNamespace.enter(preferring: mode)
        let store = try ImageStore(size)
        try Confined.toStore(store.places, reading: [file])
        try store.unpackTar(file, stamp: stamp, as: key, mode: mode)
    }
}

struct RemoveTreeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "__remove-tree", shouldDisplay: false)

    @ArgumentParser.Argument var folder: String

    func run() throws {
        do { _ = try UserNamespace.enter(preferring: nil) } catch {
            // Where no sandbox can be started, none has left files of other ids.
            do throws(Errno) { return try Files.removeTree(folder) } catch {}
            throw error
        }
        try Files.removeTree(folder)
    }
}
