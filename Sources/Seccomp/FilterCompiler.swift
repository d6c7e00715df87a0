// From a profile to a program, by way of libseccomp.
//
// libseccomp drops a call's conditional rules as soon as the call has an unconditional one, so "allow ioctl, but refuse
// TIOCSTI" can't be said to it. Such exceptions are compiled as a program of their own, whose default is a mark; the
// main program is put behind it, and the mark becomes a jump to there. What `--allow` opens is a third such program, in
// front of the others. One program comes out: a second installed filter would be walked for every call as well, costs a
// system call at start, and could only refuse more.

public import BPF
import SandboxPolicy

extension FilterProfile {
    /// Compiles this profile for one target. Names of calls that this machine lacks are passed over: the default decides
    /// them, which `warnings(for:)` tells of.
    /// - Throws: also where such a name would be left open in silence.
    public func compiled(for target: FilterTarget) throws(FilterError) -> FilterProgram {
        try checkConditions()
        let decisions = try CallDecisions(self, for: target)
        if let name = decisions.leftOpen.first { throw .leftOpen(name) }
        let exceptions = decisions.calls.filter { $0.value.always != nil && !$0.value.conditional.isEmpty }
        let main = try FilterContext(default: decisions.defaultAction.rawValue)
        for (name, decision) in decisions.calls.sorted(by: { $0.key < $1.key }) {
            // libseccomp refuses rules that say what the default says.
            if let always = decision.always {
                if always != decisions.defaultAction { try main.add(name, [], always) }
            } else {
                for (condition, action) in decision.conditional where action != decisions.defaultAction {
                    try main.add(name, condition, action)
                }
            }
        }
        var program = try main.program()
        if !exceptions.isEmpty {
            let first = try FilterContext(default: FilterContext.undecided)
            for (name, decision) in exceptions.sorted(by: { $0.key < $1.key }) {
                for (condition, action) in decision.conditional { try first.add(name, condition, action) }
            }
            program = try first.program().continued(by: program, where: FilterContext.undecided)
        }
        let opened = try Self.openedCalls(target.allowed)
        if let opened = try Self.opened(opened) {
            program = opened.continued(by: program, where: FilterContext.undecided)
        }
        if target.allowed.contains(SecondInterface.group) {
            guard Architecture.native == .x86_64 else { throw .unknownOpening(SecondInterface.group) }
            program = SecondInterface(decisions, opened: opened).program
                .preferred(for: SecondInterface.architecture, to: program)
        }
        guard program.instructions.count <= FilterProgram.limit else { throw .tooLong(program.instructions.count) }
        return program
    }

    private static func openedCalls(_ names: [String]) throws(FilterError) -> [AllowedCall] {
        var calls: [AllowedCall] = []
        for name in names {
            guard let opened = CallGroup.calls(of: name) else { throw .unknownOpening(name) }
            // Of a group, a machine may lack a call; a call asked for by its own name must not be passed over.
            if opened == [AllowedCall(name)], NamedCall(name).number == nil { throw .unknownOpening(name) }
            for call in opened where !calls.contains(call) { calls.append(call) }
        }
        return calls
    }

    /// Allows these calls, and decides nothing else; nil where there are none.
    private static func opened(_ calls: [AllowedCall]) throws(FilterError) -> FilterProgram? {
        if calls.isEmpty { return nil }
        let context = try FilterContext(default: FilterContext.undecided)
        let whole = calls.filter { $0.argument == nil }.map(\.name)
        for call in calls {
            if let (index, value) = call.argument {
                if whole.contains(call.name) { continue }
                let low = Comparison(index: index, value: 0xffff_ffff, valueTwo: UInt64(value), op: .maskedEqual)
                try context.add(call.name, [low], .allow)
            } else {
                try context.add(call.name, [], .allow)
            }
        }
        return try context.program()
    }
}
