// `--allow i386`: what a profile says of calls by name, for the numbers of the kernel's interface for programs of 32 bits.
//
// Some of its calls have names of their own (stat64), and are decided as the call that does the same. Two stand for many
// calls by their first argument (socketcall, ipc): a part of them is open where the call of that name is, whatever its
// arguments are, for those lie in memory, where no filter can look.

import BPF
import SandboxPolicy

struct SecondInterface {
    static let group = "i386"
    /// AUDIT_ARCH_I386.
    static let architecture: UInt32 = 0x4000_0003

    private let decisions: CallDecisions
    /// Opened whatever the profile says, wholly or for a value of an argument.
    private let opened: [AllowedCall]

    init(_ decisions: CallDecisions, opened: [AllowedCall]) {
        self.decisions = decisions
        self.opened = opened
    }

    var program: FilterProgram {
        var rules: [CallRule] = []
        var answers: [UInt32: UInt32] = [:]
        for (name, number) in SystemCallTable.i386.numbers.sorted(by: { $0.value < $1.value }) {
            if let parts = Self.parts[name] {
                for (value, part) in parts where isOpenWhole(part) {
                    // The high half of ipc's first argument is a version.
                    rules.append(
                        CallRule(number, where: [.masked(argument: 0, 0xffff, value)], answer: SeccompAnswer.allow))
                }
                answers[number] = FilterAction.refused.rawValue
                continue
            }
            let (conditional, rest) = decision(of: name)
            for (conditions, action) in conditional {
                rules.append(CallRule(number, where: conditions, answer: action.rawValue))
            }
            answers[number] = rest.rawValue
        }
        return FilterProgram(answers: answers, after: rules, otherwise: decisions.defaultAction.rawValue)
    }

    /// Whether a call passes whatever its arguments are.
    private func isOpenWhole(_ name: String) -> Bool {
        let (conditional, rest) = decision(of: name)
        return rest == .allow && conditional.allSatisfy { $0.action == .allow }
    }

    private func decision(
        of name: String
    ) -> (conditional: [(conditions: [CallRule.Condition], action: FilterAction)], rest: FilterAction) {
        let known = decisions.calls[name] == nil ? Self.same[name] ?? name : name
        if opened.contains(where: { $0.name == known && $0.argument == nil }) { return ([], .allow) }
        var conditional: [(conditions: [CallRule.Condition], action: FilterAction)] = opened.compactMap { call in
            guard call.name == known, let (index, value) = call.argument else { return nil }
            return ([.masked(argument: Int(index), .max, value)], .allow)
        }
        let decision = decisions.calls[known] ?? CallDecision()
        for (comparisons, action) in decision.conditional {
            // What can't be said here, or counts the arguments otherwise, is closed.
            guard Self.sameArguments.contains(known), let conditions = Self.conditions(comparisons) else {
                return ([], .refused)
            }
            conditional.append((conditions, action))
        }
        return (conditional, decision.always ?? decisions.defaultAction)
    }

    /// Arguments have 32 bits. nil where only a longer comparison would do.
    private static func conditions(_ comparisons: [FilterProfile.Comparison]) -> [CallRule.Condition]? {
        var conditions: [CallRule.Condition] = []
        for comparison in comparisons {
            let (mask, value) =
                switch comparison.op {
                case .equal: (UInt64.max, comparison.value)
                case .maskedEqual: (comparison.value, comparison.valueTwo)
                default: (UInt64(0), UInt64(1))
                }
            guard mask != 0, let value = UInt32(exactly: value) else { return nil }
            conditions.append(
                .masked(argument: Int(comparison.index), UInt32(truncatingIfNeeded: mask), value))
        }
        return conditions
    }

    /// Calls that filters look into, whose arguments are the same in both interfaces.
    private static let sameArguments: Set<String> = [
        "clone", "fcntl", "ioctl", "keyctl", "personality", "prctl", "ptrace", "setns", "socket", "socketpair",
        "unshare",
    ]

    /// socketcall(2), ipc(2).
    private static let parts: [String: [(UInt32, String)]] = [
        "socketcall": numbered(
            1,
            "socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown "
                + "setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg"),
        "ipc": numbered(1, "semop semget semctl semtimedop") + numbered(11, "msgsnd msgrcv msgget msgctl")
            + numbered(21, "shmat shmdt shmget shmctl"),
    ]

    private static func numbered(_ first: UInt32, _ names: String) -> [(UInt32, String)] {
        names.split(separator: " ").enumerated().map { (first + UInt32($0), String($1)) }
    }

    /// Names that the first interface does not have, and what does the same there.
    private static let same: [String: String] = {
        var same = [
            "_llseek": "lseek", "_newselect": "select", "fadvise64_64": "fadvise64", "fstatat64": "newfstatat",
            "mmap2": "mmap", "nice": "setpriority", "oldfstat": "fstat", "oldlstat": "lstat", "oldstat": "stat",
            "oldolduname": "uname", "olduname": "uname", "readdir": "getdents", "sgetmask": "rt_sigprocmask",
            "ssetmask": "rt_sigprocmask", "sigaction": "rt_sigaction", "signal": "rt_sigaction",
            "sigpending": "rt_sigpending", "sigprocmask": "rt_sigprocmask", "sigreturn": "rt_sigreturn",
            "sigsuspend": "rt_sigsuspend", "stime": "settimeofday", "ugetrlimit": "getrlimit", "umount": "umount2",
            "waitpid": "wait4", "send": "sendto", "recv": "recvfrom",
        ]
        for name in SystemCallTable.i386.numbers.keys where same[name] == nil {
            for ending in ["_time64", "64", "32"] where name.hasSuffix(ending) {
                let shorter = String(name.dropLast(ending.count))
                if SystemCallTable.x86_64.number(of: name) == nil, SystemCallTable.x86_64.number(of: shorter) != nil {
                    same[name] = shorter
                    break
                }
            }
        }
        return same
    }()
}
