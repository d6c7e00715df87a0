// Compiles an OCI filter with libseccomp to the program that seccomp(2) takes.

import CSeccomp
public import Foundation
import SandboxPolicy

/// Why a filter can't be used. One line.
public struct FilterError: Error, CustomStringConvertible {
    public let description: String
}

public struct SeccompFilter {
    private let filter: OCIFilter
    private let file: String

    /// - Parameters:
    ///   - json: the filter, in OCI or Docker format.
    ///   - file: its path, for messages.
    public init(json: Data, file: String) throws(FilterError) {
        self.file = file
        do { filter = try JSONDecoder().decode(OCIFilter.self, from: json) } catch {
            throw FilterError(
                description: "\(quoted(file)) is not an OCI seccomp filter: \(Self.reason(error)); "
                    + "it is a JSON object with defaultAction and syscalls")
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "no \(quoted(key.stringValue))"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            quoted(context.codingPath.map(\.stringValue).joined(separator: "."))
                + " has the wrong type"
        default: "it does not parse as JSON"
        }
    }

    /// The program: `struct sock_filter`s, 8 bytes each (linux/filter.h).
    ///
    /// libseccomp lets an unconditional rule swallow conditional ones of the same call. Those, the exceptions, make a
    /// first program that allows everything else; where it allows, it goes on with the second, the list itself.
    /// - Parameters:
    ///   - capabilities: `cap_chown` and so on, which the conditions of rules speak of.
    ///   - emulateRoot: changes of owner and id answer success and do nothing: there is only one id to have.
    public func compile(
        capabilities: Set<String>, emulateRoot: Bool, kernel: (major: Int, minor: Int)
    ) throws(FilterError) -> [UInt8] {
        var rules = (filter.syscalls ?? []).filter {
            $0.applies(capabilities: capabilities, architecture: Self.architecture, kernel: kernel)
        }.flatMap { rule in rule.calls.map { Entry(call: $0, rule: rule) } }
        if emulateRoot {
            rules.removeAll { Self.emulated.contains($0.call) }
            rules += Self.emulated.map { Entry(call: $0, action: Action.errno(0)) }
        }
        let unconditional = Set(rules.filter { ($0.comparisons ?? []).isEmpty }.map(\.call))
        let exceptions = rules.filter { !($0.comparisons ?? []).isEmpty && unconditional.contains($0.call) }
        let list = rules.filter { ($0.comparisons ?? []).isEmpty || !unconditional.contains($0.call) }
        let standard = try Action.number(filter.defaultAction, filter.defaultErrnoRet, file)
        let second = try program(standard: standard, list)
        if exceptions.isEmpty { return second }
        return Self.chain(try program(standard: Action.allow, exceptions), second)
    }

    /// Calls that change owners and ids (chown(2), setuid(2), setgroups(2) and their kin).
    static let emulated = [
        "chown", "fchown", "fchownat", "lchown", "setfsgid", "setfsuid", "setgid", "setgroups", "setregid",
        "setresgid", "setresuid", "setreuid", "setuid",
    ]

    #if arch(arm64)
    static let architecture = "arm64"
    #else
    static let architecture = "amd64"
    #endif

    /// One call of one rule.
    private struct Entry {
        var call: String
        var actionName: String?
        var errnoRet: UInt32?
        var comparisons: [OCIFilter.Comparison]?
        var fixed: UInt32?

        init(call: String, rule: OCIFilter.Rule) {
            self.call = call
            actionName = rule.action
            errnoRet = rule.errnoRet
            comparisons = rule.args
        }

        init(call: String, action: UInt32) {
            self.call = call
            fixed = action
        }
    }

    private func program(standard: UInt32, _ entries: [Entry]) throws(FilterError) -> [UInt8] {
        guard let context = seccomp_init(standard) else { throw failure("libseccomp refuses its default action") }
        defer { seccomp_release(context) }
        // Foreign architectures, x32 among them, are refused as a whole.
        guard seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, Action.errno(38)) == 0,
            seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0
        else { throw failure("libseccomp is too old: 2.5 is needed") }
        for entry in entries {
            let number = seccomp_syscall_resolve_name(entry.call)
            // A call that this libseccomp or this architecture does not know gets the default.
            if number < 0 { continue }
            let action =
                if let fixed = entry.fixed { fixed } else {
                    try Action.number(entry.actionName ?? "", entry.errnoRet, file)
                }
            if action == standard { continue }
            var comparisons = try (entry.comparisons ?? []).map { (c) throws(FilterError) in try comparison(c) }
            let result = seccomp_rule_add_array(context, action, number, UInt32(comparisons.count), &comparisons)
            // EEXIST: an equal rule is there already.
            if result != 0, result != -EEXIST {
                throw failure("the rule for \(quoted(entry.call)) is refused: \(String(cString: strerror(-result)))")
            }
        }
        return try export(context)
    }

    private func comparison(_ given: OCIFilter.Comparison) throws(FilterError) -> scmp_arg_cmp {
        let operators: [String: scmp_compare] = [
            "SCMP_CMP_NE": SCMP_CMP_NE, "SCMP_CMP_LT": SCMP_CMP_LT, "SCMP_CMP_LE": SCMP_CMP_LE,
            "SCMP_CMP_EQ": SCMP_CMP_EQ, "SCMP_CMP_GE": SCMP_CMP_GE, "SCMP_CMP_GT": SCMP_CMP_GT,
            "SCMP_CMP_MASKED_EQ": SCMP_CMP_MASKED_EQ,
        ]
        guard let operation = operators[given.op], given.index < 6 else {
            throw failure("an argument is compared with \(quoted(given.op)) at index \(given.index)")
        }
        return scmp_arg_cmp(arg: given.index, op: operation, datum_a: given.value, datum_b: given.valueTwo ?? 0)
    }

    private func export(_ context: scmp_filter_ctx) throws(FilterError) -> [UInt8] {
        let file = memfd_create("filter", 0)
        guard file >= 0 else { throw failure("no memory for it") }
        defer { close(file) }
        guard seccomp_export_bpf(context, file) == 0, lseek(file, 0, SEEK_SET) == 0 else {
            throw failure("libseccomp can't write it")
        }
        var program = [UInt8](repeating: 0, count: 8 * 4096)
        let size = read(file, &program, program.count)
        guard size > 0, size % 8 == 0 else { throw failure("it is empty or too large") }
        return Array(program[..<size])
    }

    private func failure(_ why: String) -> FilterError {
        FilterError(description: "the filter \(quoted(file)) can't be compiled: \(why)")
    }

    /// `first`, with every `return ALLOW` replaced by a jump to `second` behind it.
    static func chain(_ first: [UInt8], _ second: [UInt8]) -> [UInt8] {
        var program = first
        let count = first.count / 8
        for index in 0..<count {
            let at = index * 8
            // struct sock_filter: code (16 bits), jt, jf, k (32 bits), little-endian here. 0x06 is RET K, 0x05 is JA.
            guard program[at] == 0x06, program[at + 1] == 0 else { continue }
            let value = program[(at + 4)..<(at + 8)].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            guard value == Action.allow else { continue }
            program[at] = 0x05
            let distance = UInt32(count - index - 1)
            for byte in 0..<4 { program[at + 4 + byte] = UInt8(truncatingIfNeeded: distance >> (8 * UInt32(byte))) }
        }
        return program + second
    }
}

/// What a filter answers (linux/seccomp.h, SECCOMP_RET_…).
enum Action {
    static let allow: UInt32 = 0x7fff_0000
    static func errno(_ number: UInt32) -> UInt32 { 0x0005_0000 | (number & 0xffff) }

    static func number(_ name: String, _ errnoRet: UInt32?, _ file: String) throws(FilterError) -> UInt32 {
        switch name {
        case "SCMP_ACT_ALLOW": return allow
        case "SCMP_ACT_ERRNO": return errno(errnoRet ?? UInt32(EPERM))
        case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": return 0
        case "SCMP_ACT_KILL_PROCESS": return 0x8000_0000
        case "SCMP_ACT_TRAP": return 0x0003_0000
        case "SCMP_ACT_LOG": return 0x7ffc_0000
        case "SCMP_ACT_TRACE": return 0x7ff0_0000 | ((errnoRet ?? UInt32(EPERM)) & 0xffff)
        default:
            throw FilterError(
                description: "the filter \(quoted(file)) names the action \(quoted(name)), which is not one of "
                    + "SCMP_ACT_ALLOW, _ERRNO, _KILL, _KILL_PROCESS, _TRAP, _LOG and _TRACE")
        }
    }
}
