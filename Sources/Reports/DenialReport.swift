// What was refused in one run, for people and for programs.

public import Observations
import SandboxPolicy
public import Seccomp

public struct DenialReport: Sendable {
    public let record: ObservationRecord
    public let denials: [Denial]

    /// - Parameter filter: the file that the record names, where it can still be read.
    public init(_ record: ObservationRecord, filter: FilterProfile?) {
        self.record = record
        denials = record.seen.compactMap {
            Denial($0.observation, count: $0.count, record, filter)
        }
    }

    /// A line each.
    public var lines: [String] {
        denials.map(\.text) + (record.unlisted > 0 ? ["and \(record.unlisted) refusals of other kinds"] : [])
    }
}

extension DenialReport: Encodable {
    private enum Key: String, CodingKey { case folder, time, command, refused, unlisted }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(record.folder, forKey: .folder)
        try values.encode(record.time, forKey: .time)
        try values.encode(record.command, forKey: .command)
        try values.encode(denials, forKey: .refused)
        try values.encode(record.unlisted, forKey: .unlisted)
    }
}

extension Denial: Encodable {
    private enum Key: String, CodingKey { case kind, call, words, count, rule, remedy }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(kind == .refused ? "system call" : kind.rawValue, forKey: .kind)
        try values.encode(call, forKey: .call)
        try values.encode(words, forKey: .words)
        try values.encode(count, forKey: .count)
        try values.encode(rule, forKey: .rule)
        try values.encode(remedy, forKey: .remedy)
    }
}

extension DenialRule: Encodable {
    private enum Key: String, CodingKey { case option, value, origin, part }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(option.rawValue, forKey: .option)
        try values.encode(value, forKey: .value)
        try values.encode(origin.word, forKey: .origin)
        try values.encodeIfPresent(part, forKey: .part)
    }
}

extension Remedy: Encodable {
    private enum Key: String, CodingKey { case commandLine, profile, note }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(commandLine, forKey: .commandLine)
        try values.encode(profileLines, forKey: .profile)
        try values.encodeIfPresent(note, forKey: .note)
    }
}
