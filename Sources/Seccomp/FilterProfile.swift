// The file format: the "seccomp" object of the OCI runtime specification (config-linux.md, "Seccomp"), with the
// conditions that Docker's and Podman's files add to it (`archMap`, `includes`, `excludes`).

import Foundation

/// A filter as it is written in a file. Unknown keys are passed over, as the specification wants it.
public struct FilterProfile: Sendable {
    /// For calls that no rule decides.
    public let defaultAction: FilterAction
    public let rules: [Rule]

    /// One entry of `syscalls`.
    public struct Rule: Sendable {
        public let names: [String]
        public let action: FilterAction
        /// All must hold; none means always.
        public let comparisons: [Comparison]
        public let includes: Conditions
        public let excludes: Conditions
        /// What the file's author says of it.
        public let comment: String?
    }

    /// One entry of `args`.
    public struct Comparison: Hashable, Sendable, Decodable {
        public enum Operator: String, Sendable, Decodable, CaseIterable {
            case notEqual = "SCMP_CMP_NE"
            case less = "SCMP_CMP_LT"
            case lessOrEqual = "SCMP_CMP_LE"
            case equal = "SCMP_CMP_EQ"
            case greaterOrEqual = "SCMP_CMP_GE"
            case greater = "SCMP_CMP_GT"
            /// `argument & value == valueTwo`
            case maskedEqual = "SCMP_CMP_MASKED_EQ"
        }

        /// Which argument, 0 to 5.
        public let index: UInt32
        public let value: UInt64
        public let valueTwo: UInt64
        public let op: Operator
    }

    /// On what machines, and with what capabilities, a rule counts.
    public struct Conditions: Sendable, Decodable {
        public var capabilities: [String] = []
        public var architectures: [String] = []
        public var kernel: KernelVersion?
    }

    /// - Throws: FilterError where the bytes are not such a file.
    public init(json: [UInt8]) throws(FilterError) {
        do {
            // The decoder alone does not say where the text stops being JSON.
            _ = try JSONSerialization.jsonObject(with: Data(json), options: .fragmentsAllowed)
        } catch {
            throw .notJSON((error as NSError).userInfo[NSDebugDescriptionErrorKey] as? String ?? "\(error)")
        }
        do {
            self = try JSONDecoder().decode(FilterProfile.self, from: Data(json))
        } catch let error as DecodingError {
            throw FilterError(error)
        } catch {
            throw .notJSON("\(error)")
        }
        guard !defaultAction.letsPass || rules.contains(where: { !$0.action.letsPass }) else { throw .filtersNothing }
    }
}

extension FilterProfile {
    /// What the first rule that may refuse this call says of itself.
    public func comment(refusing call: String) -> String? {
        rules.first { !$0.action.letsPass && $0.names.contains(call) }?.comment
    }
}

extension FilterProfile: Decodable {
    private enum Key: String, CodingKey { case defaultAction, defaultErrnoRet, flags, syscalls }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        defaultAction = try values.action(.defaultAction, errno: .defaultErrnoRet)
        rules = try values.decodeIfPresent([Rule].self, forKey: .syscalls) ?? []
        // The other flags change nothing for one thread without a listener, or only weaken the filter.
        if try values.decodeIfPresent([String].self, forKey: .flags)?.contains("SECCOMP_FILTER_FLAG_LOG") == true {
            throw DecodingError.dataCorruptedError(
                forKey: .flags, in: values, debugDescription: "SECCOMP_FILTER_FLAG_LOG can't be had here; remove it")
        }
    }
}

extension FilterProfile.Rule: Decodable {
    private enum Key: String, CodingKey {
        case name, names, action, errnoRet, args, includes, excludes, comment
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        // `name` is the older form.
        if let name = try values.decodeIfPresent(String.self, forKey: .name), !name.isEmpty {
            names = [name]
        } else {
            names = try values.decode([String].self, forKey: .names)
        }
        action = try values.action(.action, errno: .errnoRet)
        comparisons = try values.decodeIfPresent([FilterProfile.Comparison].self, forKey: .args) ?? []
        includes = try values.decodeIfPresent(FilterProfile.Conditions.self, forKey: .includes) ?? .init()
        excludes = try values.decodeIfPresent(FilterProfile.Conditions.self, forKey: .excludes) ?? .init()
        comment = try values.decodeIfPresent(String.self, forKey: .comment)
    }
}

extension FilterProfile.Comparison {
    private enum Key: String, CodingKey { case index, value, valueTwo, op }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        index = try values.decode(UInt32.self, forKey: .index)
        value = try values.decode(UInt64.self, forKey: .value)
        valueTwo = try values.decodeIfPresent(UInt64.self, forKey: .valueTwo) ?? 0
        let word = try values.decode(String.self, forKey: .op)
        guard let known = Operator(rawValue: word) else {
            let all = Operator.allCases.map(\.rawValue).joined(separator: ", ")
            throw DecodingError.dataCorruptedError(
                forKey: .op, in: values, debugDescription: "unknown operator; it is one of \(all)")
        }
        op = known
        guard index < 6 else {
            throw DecodingError.dataCorruptedError(
                forKey: .index, in: values, debugDescription: "arguments are numbered from 0 to 5")
        }
    }
}

extension FilterProfile.Conditions {
    private enum Key: String, CodingKey { case caps, arches, minKernel }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        capabilities = try values.decodeIfPresent([String].self, forKey: .caps) ?? []
        architectures = try values.decodeIfPresent([String].self, forKey: .arches) ?? []
        guard let text = try values.decodeIfPresent(String.self, forKey: .minKernel), !text.isEmpty else { return }
        guard let version = KernelVersion(text) else {
            throw DecodingError.dataCorruptedError(
                forKey: .minKernel, in: values, debugDescription: "expected a version such as \"4.8\"")
        }
        kernel = version
    }
}

extension KeyedDecodingContainer {
    /// An action and the errno beside it, EPERM where there is none.
    fileprivate func action(_ key: Key, errno errnoKey: Key) throws -> FilterAction {
        let word = try decode(String.self, forKey: key)
        let number = try decodeIfPresent(UInt16.self, forKey: errnoKey)
        func bad(_ key: Key, _ reason: String) -> DecodingError {
            .dataCorruptedError(forKey: key, in: self, debugDescription: reason)
        }
        let plain: FilterAction
        switch word {
        case "SCMP_ACT_ERRNO":
            guard let number else { return .refused }
            guard number <= FilterAction.highestErrno else { throw bad(errnoKey, "an errno is at most 4095") }
            return .errno(number)
        case "SCMP_ACT_ALLOW": plain = .allow
        case "SCMP_ACT_LOG": plain = .log
        case "SCMP_ACT_TRAP": plain = .trap
        case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": plain = .killThread
        case "SCMP_ACT_KILL_PROCESS": plain = .killProcess
        case "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE":
            throw bad(key, "nothing would answer here; use SCMP_ACT_ERRNO")
        default:
            throw bad(
                key,
                "unknown action; it is one of SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, SCMP_ACT_KILL_PROCESS, "
                    + "SCMP_ACT_KILL_THREAD, SCMP_ACT_LOG, SCMP_ACT_TRAP")
        }
        // The specification makes this an error. Docker's converter writes zeros, which ask for nothing.
        if let number, number != 0 { throw bad(errnoKey, "this action has no errno; remove it") }
        return plain
    }
}

extension FilterError {
    /// What a decoder found, with the path to it as one would write it: `syscalls[3].args[0].op`.
    init(_ error: DecodingError) {
        switch error {
        case .keyNotFound(let key, let context):
            self = .invalid(place: Self.place(context.codingPath), reason: "\"\(key.stringValue)\" is missing")
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            self = .invalid(place: Self.place(context.codingPath), reason: context.debugDescription)
        case .dataCorrupted(let context) where context.codingPath.isEmpty:
            // All that the decoder finds wrong with JSON that parses, and it does not say where.
            self = .invalid(place: "", reason: "it holds a number that is negative, too large or not whole")
        case .dataCorrupted(let context):
            self = .invalid(place: Self.place(context.codingPath), reason: context.debugDescription)
        @unknown default:
            self = .notJSON("\(error)")
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.reduce("") { place, key in
            if let index = key.intValue { return place + "[\(index)]" }
            return place + (place.isEmpty ? "" : ".") + key.stringValue
        }
    }
}
