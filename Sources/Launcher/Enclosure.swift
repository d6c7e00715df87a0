// What the command must not do to processes and files that are not its own, and no namespace keeps it from: refused by a
// few rules in front of its filter, where they are needed at all.

import BPF
public import LaunchPlan
import LinuxSystem
import SandboxPolicy

public struct Enclosure {
    private var rules: [CallRule] = []

    /// - Parameter handsFilesIn: a standard descriptor is a file that is not open for writing.
    public init(_ plan: LaunchPlan, handsFilesIn: Bool) {
        isSecondOpen = plan.opensSecondInterface
        // A shell's job keeps its process group: the launcher is in it, and what comes behind it in a pipeline.
        if Namespacing.leadsGroup { closeCallersGroup(plan) }
        // Init's own capability is no protection from whoever has it too.
        if plan.execution.capabilities.contains(.cap_sys_nice) { closeInit() }
        // Landlock of version 3 looks at the file; before that, only the call can be refused as a whole.
        let holdsTruncate = plan.execution.landlock?.heldFiles.contains(.truncate) ?? false
        if handsFilesIn && !holdsTruncate { refuse(SystemCallNumber.truncate) }
    }

    /// `filter` with what is refused in front of it; nil where there is neither.
    public func around(_ filter: [UInt8]?) -> [UInt8]? {
        if rules.isEmpty { return filter }
        // Other interfaces than the machine's own are the filter's to close.
        let native = FilterProgram(rules, foreign: SeccompAnswer.allow)
        let second = FilterProgram(secondRules, of: Self.secondArchitecture)
        let front = isSecondOpen ? second.continued(by: native, where: SeccompAnswer.allow) : native
        guard let filter else { return front.bytes }
        return front.continued(by: FilterProgram(bytes: filter), where: SeccompAnswer.allow).bytes
    }

    /// AUDIT_ARCH_I386: an interface that `--allow` opens.
    private static let secondArchitecture: UInt32 = 0x4000_0003
    private let isSecondOpen: Bool

    /// The same rules by the other interface's numbers, which has two of some calls.
    private var secondRules: [CallRule] {
        rules.flatMap { rule in
            let name = SystemCallTable.native.name(of: rule.number) ?? ""
            return [name, name + "64"].compactMap { name in
                SystemCallTable.i386.number(of: name).map { rule.numbered($0) }
            }
        }
    }

    private mutating func refuse(_ call: UInt32, where conditions: CallRule.Condition...) {
        rules.append(CallRule(call, where: conditions, answer: SeccompAnswer.refusal(Errno.permission.rawValue)))
    }

    /// A group of which all is outside has no number inside, but is the caller's own: 0.
    private mutating func closeCallersGroup(_ plan: LaunchPlan) {
        refuse(
            SystemCallNumber.setpriority, where: .equals(argument: 0, ProcessSelection.priorityGroup),
            .equals(argument: 1, 0))
        refuse(
            SystemCallNumber.ioprioSet, where: .equals(argument: 0, ProcessSelection.ioGroup), .equals(argument: 1, 0))
        let holdsSignals = plan.execution.landlock?.isScoped ?? false
        if !holdsSignals { refuse(SystemCallNumber.kill, where: .equals(argument: 0, 0)) }
    }

    /// Init is process 1, and leads group 1; who names it by its user names all of the user's.
    private mutating func closeInit() {
        for call in SystemCallNumber.scheduling { refuse(call, where: .equals(argument: 0, 1)) }
        for (call, process, group, user) in [
            (
                SystemCallNumber.setpriority, ProcessSelection.priorityProcess, ProcessSelection.priorityGroup,
                ProcessSelection.priorityUser
            ),
            (
                SystemCallNumber.ioprioSet, ProcessSelection.ioProcess, ProcessSelection.ioGroup,
                ProcessSelection.ioUser
            ),
        ] {
            for kind in [process, group] {
                refuse(call, where: .equals(argument: 0, kind), .equals(argument: 1, 1))
            }
            refuse(call, where: .equals(argument: 0, user))
        }
    }
}
