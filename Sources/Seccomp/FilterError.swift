// What can be wrong with a filter, in words. The caller adds the file's name.

import BPF
public import LinuxSystem
import SandboxPolicy

public enum FilterError: Error, Equatable {
    /// The file is not JSON.
    case notJSON(String)
    /// A value that the format does not have; `place` is its path in the file, empty for the whole.
    case invalid(place: String, reason: String)
    /// Everything is allowed and no rule takes anything back.
    case filtersNothing
    /// A rule refuses a call that nobody knows, where everything without a rule is allowed.
    case leftOpen(String)
    /// A rule depends on a capability or an architecture that nobody knows, and lets more pass by it.
    case unknownCondition(kind: String, String)
    /// Two rules decide the same call on the same condition, each in its own way.
    case contradiction(call: String)
    /// `--allow` names neither a group nor a call that this machine has.
    case unknownOpening(String)
    /// libseccomp would not take a rule for this call.
    case refusedRule(call: String, Errno)
    /// libseccomp could not build or write the program.
    case notCompiled(Errno)
    /// More instructions than the kernel takes.
    case tooLong(Int)
}

extension FilterError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notJSON(let reason):
            "not JSON: \(reason)"
        case .invalid(let place, let reason):
            place.isEmpty ? reason : "\(place): \(reason)"
        case .filtersNothing:
            "it allows everything and has no rules; list what it refuses under \"syscalls\", or say --seccomp none"
        case .leftOpen(let call):
            "it refuses \(quoted(call)), which is no system call that is known here, and would stay open"
                + (Nearest.suggestion(call, among: SystemCallNames.all).isEmpty
                    ? "; take it out, or update sandbox" : Nearest.suggestion(call, among: SystemCallNames.all))
        case .unknownCondition(let kind, let word):
            "a rule depends on the \(kind) \(quoted(word)), which is not known here, and more would be open for it; "
                + "correct it"
        case .contradiction(let call):
            "two rules decide \(quoted(call)) differently on the same condition; remove one of them"
        case .unknownOpening(let name):
            "--allow \(quoted(name)): no such system call on this machine"
        case .refusedRule(let call, let errno):
            "libseccomp refuses the rule for \(quoted(call)): \(errno); look at its \"args\""
        case .notCompiled(let errno):
            "libseccomp can't compile it: \(errno)"
        case .tooLong(let count):
            "it comes to \(count) instructions, and the kernel takes \(FilterProgram.limit); shorten its lists"
        }
    }
}
