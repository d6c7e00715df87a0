// A profile's rules sorted by call: what a target's filter has to decide.

/// How one system call is decided: by the first condition that holds, or else as always, or else as the default says.
struct CallDecision: Equatable {
    var always: FilterAction?
    var conditional: [[FilterProfile.Comparison]: FilterAction] = [:]
}

struct CallDecisions {
    let defaultAction: FilterAction
    private(set) var calls: [String: CallDecision] = [:]

    init(_ profile: FilterProfile, for target: FilterTarget) throws(FilterError) {
        defaultAction = profile.defaultAction
        for rule in profile.rules where target.accepts(rule) {
            for name in rule.names {
                for condition in Self.alternatives(rule.comparisons) { try add(name, condition, rule.action) }
            }
        }
        if target.emulateRoot {
            for name in FilterTarget.emulatedCalls { calls[name] = CallDecision(always: .errno(0)) }
        }
    }

    private mutating func add(
        _ name: String, _ condition: [FilterProfile.Comparison], _ action: FilterAction
    ) throws(FilterError) {
        var decision = calls[name] ?? CallDecision()
        let earlier = condition.isEmpty ? decision.always : decision.conditional[condition]
        guard earlier == nil || earlier == action else { throw .contradiction(call: name) }
        if condition.isEmpty { decision.always = action } else { decision.conditional[condition] = action }
        calls[name] = decision
    }

    /// Comparisons of different arguments must all hold. Where one argument is compared twice each comparison stands
    /// alone, as in runc and crun: files are written for that.
    private static func alternatives(_ comparisons: [FilterProfile.Comparison]) -> [[FilterProfile.Comparison]] {
        let isDistinct = Set(comparisons.map(\.index)).count == comparisons.count
        return isDistinct ? [comparisons] : comparisons.map { [$0] }
    }
}
