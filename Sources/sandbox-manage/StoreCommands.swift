// Images and kept sandboxes on the command line.

import ArgumentParser
import Foundation
import ImageStore
import Launcher
import LinuxSystem
import SandboxPolicy

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Bring a tar of a root file system in as an image.")

    @ArgumentParser.Argument(help: "a tar file, plain or compressed; - for standard input") var file: String
    @ArgumentParser.Argument(help: "NAME[:TAG]") var name: String

    func run() throws {
        guard let reference = ImageReference(name) else { throw NameError(name: name) }
        let mode = try UserNamespace.enter(preferring: nil)
        let progress = ProgressLine(label: "importing \(reference)")
        defer { progress.end() }
        try ImageStore(try Surroundings().places, limits: try limits()).importTar(
            from: file, as: reference, mode: mode, progress: { progress.show($0) })
    }
}

/// What the environment says that an archive may ask for at most.
private func limits() throws(MalformedLimit) -> UnpackLimits {
    try UnpackLimits { LinuxSystem.Process.environment($0) }
}

struct NameError: Error, CustomStringConvertible {
    let name: String
    var description: String {
        "\(quoted(name)) can't name an image: NAME[:TAG] in lower-case letters, digits and . _ - /, as team/alpine:3.20"
    }
}

/// Bytes read so far, on one line of a terminal that goes away at the end.
final class ProgressLine {
    private let label: String
    private let isTerminal = isatty(2) == 1
    private var shown: Int64 = -1

    init(label: String) { self.label = label }

    func show(_ bytes: Int64) {
        guard isTerminal, bytes / (1 << 20) != shown else { return }
        shown = bytes / (1 << 20)
        FileHandle.standardError.write(Data("\r\(label): \(shown) MiB\u{1b}[K".utf8))
    }

    func end() {
        if isTerminal, shown >= 0 { FileHandle.standardError.write(Data("\r\u{1b}[K".utf8)) }
    }
}

enum ChangesFormat: String, ExpressibleByArgument, CaseIterable {
    case plain, json
}

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "List what a kept sandbox, or an --upper folder, changed.")

    @ArgumentParser.Argument(help: "a sandbox's name, or the folder given with --upper") var subject: String
    @ArgumentParser.Flag(help: "draw the changed files as a tree") var tree = false
    @ArgumentParser.Option(help: "plain or json") var format = ChangesFormat.plain

    func run() throws {
        // Files of other ids inside are readable only with the ids that the sandbox has.
        _ = try UserNamespace.enter(preferring: nil)
        let changes = try ChangedTree.find(subject, try Surroundings().places).changes()
        if format == .json {
            let rows = changes.map(ChangeRow.init)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(terminalSafe(try encoder.encode(rows)))
            return
        }
        let isColoured = isatty(1) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
        let output = ChangesOutput(changes, isColoured: isColoured)
        print(tree ? output.tree : output.lines, terminator: "")
    }
}

/// JSON with DEL and the C1 controls as escapes too: the encoder leaves them, and a terminal obeys them. They stand in
/// strings only.
private func terminalSafe(_ json: Data) -> String {
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
        commandName: "rm", abstract: "Remove kept sandboxes with their changes.")

    @ArgumentParser.Argument(help: "their names") var names: [String]

    func run() throws {
        _ = try UserNamespace.enter(preferring: nil)
        let kept = KeptSandboxes(try Surroundings().places)
        for name in names { try kept.remove(name) }
    }
}

/// Rows for programs and for people.
private func list<Row: Codable>(_ rows: [Row], _ format: ListFormat, header: [String], cells: (Row) -> [String]) throws
{
    if format == .json {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        print(String(decoding: try encoder.encode(rows), as: UTF8.self))
        return
    }
    let table = [header] + rows.map(cells)
    let widths = header.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
    for row in table {
        let padded = zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
        print(padded.joined(separator: "  ").trimmingCharacters(in: .whitespaces))
    }
}

private func date(_ nanoseconds: Int64) -> Date { Date(timeIntervalSince1970: Double(nanoseconds) / 1e9) }
private func size(_ bytes: Int64) -> String {
    bytes < 1 << 20 ? "\((bytes + 1023) / 1024) KiB" : "\((bytes + (1 << 19)) / (1 << 20)) MiB"
}
private func day(_ date: Date) -> String { String(date.ISO8601Format().prefix(16)).replacing("T", with: " ") }

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the kept sandboxes.")

    @ArgumentParser.Option(help: "text or json") var format = ListFormat.text

    struct Row: Codable {
        var name: String
        var size: Int64
        var created: Date
        var running: Bool
    }

    func run() throws {
        _ = try UserNamespace.enter(preferring: nil)
        let rows = try KeptSandboxes(try Surroundings().places).list().map {
            Row(name: $0.name, size: $0.size, created: date($0.created), running: $0.isRunning)
        }
        try list(rows, format, header: ["NAME", "CHANGES", "CREATED (UTC)", "RUNNING"]) {
            [$0.name, sandbox_manage.size($0.size), day($0.created), $0.running ? "yes" : "no"]
        }
    }
}

struct ImagesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "images", abstract: "List the images of the store.")

    @ArgumentParser.Option(help: "text or json") var format = ListFormat.text

    struct Row: Codable {
        var name: String
        var tag: String
        var layers: [String]
        var size: Int64
        var imported: Date
    }

    func run() throws {
        let rows = try ImageStore(try Surroundings().places).images().map {
            Row(
                name: $0.reference.name, tag: $0.reference.tag, layers: $0.layers, size: $0.size,
                imported: date($0.imported))
        }
        try list(rows, format, header: ["NAME", "TAG", "DIGEST", "SIZE", "IMPORTED (UTC)"]) {
            let digest = $0.layers.last.map { String($0.dropFirst(7).prefix(12)) } ?? "damaged"
            return [$0.name, $0.tag, digest, sandbox_manage.size($0.size), day($0.imported)]
        }
    }
}

// What the launcher asks for.

private func identityMode(_ text: String) throws -> IdentityMode {
    guard let mode = IdentityMode(rawValue: text) else { throw ValidationError("single or range") }
    return mode
}

struct UnpackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "__unpack", shouldDisplay: false)

    @ArgumentParser.Argument var name: String
    @ArgumentParser.Argument(transform: identityMode) var mode: IdentityMode

    func run() throws {
        guard let reference = ImageReference(name) else { throw NameError(name: name) }
        _ = try UserNamespace.enter(preferring: mode)
        try ImageStore(try Surroundings().places, limits: try limits()).unpack(reference, mode: mode)
    }
}

struct UnpackTarCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "__unpack-tar", shouldDisplay: false)

    @ArgumentParser.Argument var file: String
    @ArgumentParser.Argument var folder: String
    @ArgumentParser.Argument(transform: identityMode) var mode: IdentityMode

    func run() throws {
        _ = try UserNamespace.enter(preferring: mode)
        try ImageStore(try Surroundings().places, limits: try limits())
            .unpackTar(file, into: folder, mode: mode)
    }
}

struct RemoveTreeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "__remove-tree", shouldDisplay: false)

    @ArgumentParser.Argument var folder: String

    func run() throws {
        _ = try UserNamespace.enter(preferring: nil)
        try Files.removeTree(folder)
    }
}
