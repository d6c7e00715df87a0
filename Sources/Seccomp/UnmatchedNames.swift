// Words of a filter that match nothing here: never passed over in silence.
//
// A name that nobody knows is a slip of the hand or a newer kernel's call. Where calls without a rule are refused it is
// refused as well, and a warning is enough. Where they are allowed, a rule that refuses it would do nothing: an error.

import SandboxPolicy

extension CallDecisions {
    /// Names that nobody knows, which the file refuses and its default lets pass.
    var leftOpen: [String] {
        guard defaultAction.letsPass else { return [] }
        return calls.filter { $0.value.mayRefuse && NamedCall($0.key) == .unknown }.map(\.key).sorted()
    }
}

extension CallDecision {
    /// Whether a rule of the file refuses it, wholly or for some arguments.
    fileprivate var mayRefuse: Bool {
        always.map { !$0.letsPass } ?? false || conditional.contains { !$0.action.letsPass }
    }
}

extension FilterProfile {
    /// What the file's author may not expect, a line each.
    public func warnings(for target: FilterTarget) throws(FilterError) -> [String] {
        let decisions = try CallDecisions(self, for: target)
        var warnings: [String] = []
        let unknown = decisions.calls.keys.filter { NamedCall($0) == .unknown }.sorted()
        if !unknown.isEmpty {
            let rest = decisions.defaultAction.letsPass ? "allowed" : "refused"
            warnings.append(
                "these names are no system calls that are known here, and stay \(rest): "
                    + unknown.map(quoted).joined(separator: ", "))
        }
        let idle = decisions.calls.filter { $0.value.mayRefuse && NamedCall($0.key) == .elsewhere }.keys.sorted()
        if decisions.defaultAction.letsPass, !idle.isEmpty {
            warnings.append(
                "this machine has no system calls of these names, so refusing them closes nothing: "
                    + idle.map(quoted).joined(separator: ", "))
        }
        return warnings
    }

    /// A condition that can't hold because of a slip takes a refusing rule out, or leaves an exception to an allowing one.
    func checkConditions() throws(FilterError) {
        for rule in rules {
            let risky = rule.action.letsPass ? rule.excludes : rule.includes
            for name in risky.capabilities where Capability(name: name) == nil {
                throw .unknownCondition(kind: "capability", name)
            }
            for name in risky.architectures where !Architecture.words.contains(name) {
                throw .unknownCondition(kind: "architecture", name)
            }
        }
    }
}

extension Architecture {
    /// What files call architectures: Go's names, and the kernel's.
    fileprivate static let words: Set<String> = [
        "386", "aarch64", "amd64", "arm", "arm64", "i386", "i686", "loong64", "loongarch64", "m68k", "mips", "mips64",
        "mips64le", "mips64n32", "mipsel", "mipsel64", "mipsel64n32", "mipsle", "parisc", "parisc64", "ppc", "ppc64",
        "ppc64le", "riscv64", "s390", "s390x", "sh", "sheb", "x32", "x86", "x86_64",
    ]
}
