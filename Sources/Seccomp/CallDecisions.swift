// A profile's rules sorted by call: what a target's filter has to decide.

/// How one system call is decided: by a condition that holds, or else as always, or else as the default says.
struct CallDecision {
    var always: FilterAction?
    /// In the file's order: libseccomp's program depends on it where two conditions hold at once.
    private(set) var conditional: [(condition: [FilterProfile.Comparison], action: FilterAction)] = []

    init(always: FilterAction? = nil) { self.always = always }

    /// Whether some arguments make it pass, where calls without a rule are answered with `rest`.
    func mayLetPass(or rest: FilterAction) -> Bool {
        (always ?? rest).letsPass || conditional.contains { $0.action.letsPass }
    }

    /// Takes a rule in.
    /// - Returns: whether it agrees with the rules before it.
    mutating func add(_ condition: [FilterProfile.Comparison], _ action: FilterAction) -> Bool {
        if condition.isEmpty {
            // The first one counts, as libseccomp has it: Podman's file allows setns, and later refuses it.
            always = always ?? action
            return true
        }
        if let earlier = conditional.first(where: { $0.condition == condition }) { return earlier.action == action }
        conditional.append((condition, action))
        return true
    }
}

struct CallDecisions {
    private(set) var defaultAction: FilterAction
    private(set) var calls: [String: CallDecision] = [:]

    init(_ profile: FilterProfile, for target: FilterTarget) throws(FilterError) {
        defaultAction = profile.defaultAction
        for rule in profile.rules where target.accepts(rule) {
            for name in rule.names {
                for condition in Self.alternatives(rule.comparisons) {
                    guard calls[name, default: CallDecision()].add(condition, rule.action) else {
                        throw .contradiction(call: name)
                    }
                }
            }
        }
        if !target.only.isEmpty { limit(to: Set(target.only)) }
        if target.emulateRoot {
            for name in FilterTarget.emulatedCalls { calls[name] = CallDecision(always: .errno(0)) }
        }
    }

    /// Refuses what `names` does not list. What it lists is decided as before.
    private mutating func limit(to names: Set<String>) {
        if defaultAction.letsPass {
            for name in names where calls[name] == nil { calls[name] = CallDecision(always: defaultAction) }
            defaultAction = .refused
        }
        // Those that are not allowed keep the answer they have, which may say that there is no such call.
        for (name, decision) in calls where !names.contains(name) && decision.mayLetPass(or: defaultAction) {
            calls[name] = CallDecision(always: .refused)
        }
    }

    /// Comparisons of different arguments must all hold. Where one argument is compared twice each comparison stands
    /// alone, as in runc and crun: files are written for that.
    private static func alternatives(_ comparisons: [FilterProfile.Comparison]) -> [[FilterProfile.Comparison]] {
        let isDistinct = Set(comparisons.map(\.index)).count == comparisons.count
        return isDistinct ? [comparisons] : comparisons.map { [$0] }
    }
}
