// From a profile to a program, by way of libseccomp.
//
// libseccomp drops a call's conditional rules as soon as the call has an unconditional one, so "allow ioctl, but refuse
// TIOCSTI" can't be said to it. Such exceptions are compiled as a program of their own, whose default is a mark; the
// main program is put behind it, and the mark becomes a jump to there. One program comes out: a second installed filter
// would be walked for every call as well, and costs a system call at start.

extension FilterProfile {
    /// Compiles this profile for one target. Names that libseccomp does not know, or that this machine's system call
    /// table lacks, are passed over: the default decides them.
    public func compiled(for target: FilterTarget) throws(FilterError) -> FilterProgram {
        let decisions = try CallDecisions(self, for: target)
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
        guard program.instructions.count <= FilterProgram.limit else { throw .tooLong(program.instructions.count) }
        return program
    }
}
