// `sandbox why`, and `__report`, by which the launcher has the same said when a command has ended.

import ArgumentParser
import Foundation
import LinuxSystem
import Observations
import Reports
import SandboxPolicy
import Seccomp

struct WhyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "say what the last run in this folder was refused, and what would allow it",
        discussion: "Tells of runs with --report-denied, which the profiles shell and ci have.")

    @ArgumentParser.Option(help: "how to print: text or json") var format = ListFormat.text

    func run() throws {
        let surroundings = try Surroundings()
        let file = surroundings.places.denials(of: surroundings.currentFolder)
        guard FileStatus.stamp(of: file) != "-" else { return try nothing(surroundings) }
        guard let report = DenialReport.read(file) else { throw ReportError.unreadable(file) }
        guard report.record.folder == surroundings.currentFolder else { return try nothing(surroundings) }

        if format == .json { return try printJSON(report) }
        let when = Date(timeIntervalSince1970: Double(report.record.time)).formatted(.iso8601)
        print("\(when): sandbox run \(report.record.command.map(quoted).joined(separator: " "))")
        for line in report.lines { print(line) }
    }

    private func nothing(_ surroundings: Surroundings) throws {
        if format == .json { return try printJSON(DenialReport.nothing(in: surroundings.currentFolder)) }
        print("nothing was refused in the last run here that was told to --report-denied, if there was one")
    }
}

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "__report", abstract: "Say what a run was refused.", shouldDisplay: false)

    @ArgumentParser.Argument(help: "what the launcher wrote down") var file: String
    @ArgumentParser.Option(help: "how to print: text or json") var format = ListFormat.text

    /// Lines at the end of a run; a filter that fits badly refuses a hundred kinds.
    private static let most = 40

    func run() throws {
        guard let report = DenialReport.read(file) else { throw ReportError.unreadable(file) }
        if format == .json { return try write(report) }
        for line in report.lines.prefix(Self.most) { Invocation.say(line) }
        if report.lines.count > Self.most {
            Invocation.say("and \(report.lines.count - Self.most) kinds more; `sandbox why` lists them")
        }
    }
}

extension ReportCommand {
    /// One line, so that a file may take those of many runs.
    private func write(_ report: DenialReport) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let line = terminalSafe(try encoder.encode(report)) + "\n"
        do throws(Errno) { try Descriptor.standardOutput(Array(line.utf8)) } catch {
            throw ReportError.unwritten(error)
        }
    }
}

enum ReportError: Error, CustomStringConvertible {
    case unreadable(String)
    case unwritten(Errno)

    var description: String {
        switch self {
        case .unwritten(let errno): "--report-denied: can't write the report: \(errno)"
        case .unreadable(let file): "can't read \(quoted(file)), which the launcher wrote"
        }
    }
}

extension DenialReport {
    static func read(_ file: String) -> DenialReport? {
        guard let bytes = try? Files.read(file, limit: 64 << 20), let record = ObservationRecord(encoded: bytes)
        else { return nil }
        // The filter's file may be the sandbox's own by now.
        let filter = try? Files.read(record.filter, limit: 1 << 20)
        return DenialReport(record, filter: filter.flatMap { try? FilterProfile(json: $0) })
    }

    static func nothing(in folder: String) -> DenialReport {
        DenialReport(
            ObservationRecord(
                folder: folder, time: 0, command: [], filter: "", settings: [], seen: [], unlisted: 0), filter: nil)
    }
}

private func print(_ line: String) { Swift.print(escaped(line)) }
