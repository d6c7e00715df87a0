// What a supervisor has seen of a sandbox's system calls, and the file that it is kept in.

public import BPF
public import SandboxPolicy

/// One kind of thing that was seen, and how often.
public struct Observation: Hashable, Sendable {
    public enum Kind: String, Sendable {
        /// The filter refused the call.
        case refused
        /// A connection to an address outside, while the network is closed.
        case connection
        /// A connection to the closed network's own loopback, where nobody listened in the whole run.
        case unanswered
        /// A change in a place that is read-only; while learning, any.
        case change
        /// A change of what belongs to an id that is not inside.
        case ownership
        /// A call that was made: told of while learning only.
        case used
        /// Access to a file that its mode alone does not give. While learning only.
        case override
    }

    public var kind: Kind
    public var number: UInt32
    /// AUDIT_ARCH_* of linux/audit.h.
    public var architecture: UInt32
    /// The argument that tells one use of the call from another, as flags or a request do; nil where none does.
    public var argument: UInt64?
    /// What the call's pointers led to: paths, or an address as `127.0.0.1:80`. Written by whoever made the call.
    public var texts: [String]

    public init(_ kind: Kind, _ call: SystemCall, argument: UInt64? = nil, texts: [String] = []) {
        self.kind = kind
        number = call.number
        architecture = call.architecture
        self.argument = argument
        self.texts = texts
    }
}

extension Observation {
    /// Whether the address that it is about is one of the loopback's.
    public var isOfLoopback: Bool { texts.last.map { $0.hasPrefix("127.") || $0.hasPrefix("[::1]") } ?? false }
}

/// What was seen in one run.
public struct ObservationRecord: Equatable, Sendable {
    /// The folder that the run was started in.
    public var folder: String
    /// Seconds since 1970.
    public var time: Int
    /// ROOTFS and the command's words.
    public var command: [String]
    /// The path of the filter that decided, empty where there was none.
    public var filter: String
    /// All that the run was told, lowest level first.
    public var settings: [Setting]
    public var seen: [(observation: Observation, count: Int)]
    /// How many more there were than are listed.
    public var unlisted: Int

    public init(
        folder: String, time: Int, command: [String], filter: String, settings: [Setting],
        seen: [(observation: Observation, count: Int)], unlisted: Int
    ) {
        self.folder = folder
        self.time = time
        self.command = command
        self.filter = filter
        self.settings = settings
        self.seen = seen
        self.unlisted = unlisted
    }

    public static func == (a: Self, b: Self) -> Bool { a.encoded == b.encoded }
}

// The file: NUL-separated words, each list behind its length.
extension ObservationRecord {
    private static let mark = "sandbox observations 1"

    public var encoded: [UInt8] {
        var words = [Self.mark, folder, String(time), filter, String(unlisted), String(command.count)] + command
        words.append(String(settings.count))
        for setting in settings { words += [setting.origin.word, setting.option.rawValue, setting.value] }
        for (observation, count) in seen {
            words += [
                observation.kind.rawValue, String(observation.number), String(observation.architecture),
                observation.argument.map { String($0) } ?? "", String(count), String(observation.texts.count),
            ]
            // A text that came from a sandbox holds no NUL: it was read up to one.
            words += observation.texts
        }
        return Words.join(words)
    }

    /// - Returns: nil where the bytes are no such file.
    public init?(encoded: [UInt8]) {
        var words = Words.split(encoded)[...]
        func next() -> String? { words.popFirst() }
        func list(_ count: Int) -> [String]? {
            guard count >= 0, count <= words.count else { return nil }
            defer { words = words.dropFirst(count) }
            return Array(words.prefix(count))
        }
        func number() -> Int? { next().flatMap { Int($0) } }
        guard next() == Self.mark, let folder = next(), let time = number(), let filter = next(),
            let unlisted = number(), let command = number().flatMap(list), let count = number()
        else { return nil }
        var settings: [Setting] = []
        for _ in 0..<max(0, min(count, words.count)) {
            guard let origin = next().flatMap(Origin.init(word:)), let option = next().flatMap(Option.init(rawValue:)),
                let value = next()
            else { return nil }
            settings.append(Setting(option, value, origin))
        }
        var seen: [(observation: Observation, count: Int)] = []
        while !words.isEmpty {
            guard let kind = next().flatMap(Observation.Kind.init(rawValue:)),
                let number = next().flatMap({ UInt32($0) }),
                let architecture = next().flatMap({ UInt32($0) }), let argument = next(),
                let count = next().flatMap({ Int($0) }), let texts = next().flatMap({ Int($0) }).flatMap(list)
            else { return nil }
            let call = SystemCall(number: number, architecture: architecture)
            seen.append((Observation(kind, call, argument: UInt64(argument), texts: texts), count))
        }
        self.init(
            folder: folder, time: time, command: command, filter: filter, settings: settings, seen: seen,
            unlisted: unlisted)
    }
}
