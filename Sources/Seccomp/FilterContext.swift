// libseccomp under Swift names: the only file that speaks to it.

import BPF
import CSeccomp
import LinuxSystem

/// A filter for this machine's own architecture that libseccomp is building (seccomp_init(3)).
struct FilterContext: ~Copyable {
    private let raw: scmp_filter_ctx

    /// A default that no profile can ask for (SECCOMP_RET_TRACE with its own data): a mark to be replaced.
    static let undecided: UInt32 = 0x7ff0_5eed

    /// - Parameter action: what calls without a rule are answered with.
    init(default action: UInt32) throws(FilterError) {
        guard let raw = seccomp_init(action) else { throw .notCompiled(.invalid) }
        do throws(FilterError) { try Self.prepare(raw) } catch {
            seccomp_release(raw)
            throw error
        }
        self.raw = raw
    }

    private static func prepare(_ raw: scmp_filter_ctx) throws(FilterError) {
        // Calls by another architecture's interface, and x32's numbers: refused as known ones are.
        try check(seccomp_attr_set(raw, SCMP_FLTATR_ACT_BADARCH, FilterAction.refused.rawValue))
        // A binary tree: the way to a decision grows with the logarithm of the list.
        try check(seccomp_attr_set(raw, SCMP_FLTATR_CTL_OPTIMIZE, 2))
    }

    deinit { seccomp_release(raw) }

    private static func check(_ answer: Int32) throws(FilterError) {
        if answer < 0 { throw .notCompiled(Errno(-answer)) }
    }

    /// Adds a rule (seccomp_rule_add(3)), or nothing where there is no call of that name here. The rule is for a number,
    /// so libseccomp need not know the call.
    func add(_ name: String, _ condition: [FilterProfile.Comparison], _ action: FilterAction) throws(FilterError) {
        guard let number = NamedCall(name).number.map(Int32.init) else { return }
        let comparisons = condition.map(\.libseccomp)
        let answer = seccomp_rule_add_array(raw, action.rawValue, number, UInt32(comparisons.count), comparisons)
        if answer < 0 { throw .refusedRule(call: name, Errno(-answer)) }
    }

    /// The program as it stands (seccomp_export_bpf(3)).
    func program() throws(FilterError) -> FilterProgram {
        let bytes: [UInt8]
        do throws(Errno) {
            let file = try Descriptor.memoryFile("filter")
            let answer = seccomp_export_bpf(raw, file.raw)
            if answer < 0 { throw Errno(-answer) }
            try file.rewind()
            bytes = try file.readAll(limit: 16 << 20)
        } catch {
            throw .notCompiled(error)
        }
        return FilterProgram(bytes: bytes)
    }
}

extension FilterProfile.Comparison {
    fileprivate var libseccomp: scmp_arg_cmp {
        scmp_arg_cmp(arg: index, op: op.libseccomp, datum_a: value, datum_b: valueTwo)
    }
}

extension FilterProfile.Comparison.Operator {
    fileprivate var libseccomp: scmp_compare {
        switch self {
        case .notEqual: SCMP_CMP_NE
        case .less: SCMP_CMP_LT
        case .lessOrEqual: SCMP_CMP_LE
        case .equal: SCMP_CMP_EQ
        case .greaterOrEqual: SCMP_CMP_GE
        case .greater: SCMP_CMP_GT
        case .maskedEqual: SCMP_CMP_MASKED_EQ
        }
    }
}
