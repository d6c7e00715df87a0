// What of a bound tree is shown read-only, found on the host before the plan is made. Mounts alone hold it: a file system
// has no way to close one name of a folder.

public import SandboxPolicy

/// One place beneath a bind.
public struct Protection: Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        /// A folder above a protected place: mounted on itself, so that it can't be moved away with what is beneath it.
        case held
        /// Shown read-only.
        case readOnly
        /// Nothing yet: something empty stands there while the command runs, to be mounted on, and is shown read-only.
        case missing
        /// A folder of this program's own, which is believed: something empty is shown instead.
        case hidden
    }
    /// The bind that it lies in.
    public var bind: Bind
    /// From the top of the bind, without `.` and `..`.
    public var path: String
    public var kind: Kind

    public init(bind: Bind, path: String, kind: Kind) {
        self.bind = bind
        self.path = path
        self.kind = kind
    }
}

/// A file of a bound tree that shows other text inside.
public struct Substitution: Equatable, Sendable {
    public var bind: Bind
    public var path: String
    public var content: String

    public init(bind: Bind, path: String, content: String) {
        self.bind = bind
        self.path = path
        self.content = content
    }
}

extension LaunchRequest {
    /// The steps that protect what lies beneath a bind, which has just been attached: folders before what they hold.
    func protections(of bind: Bind, in slot: Slot) -> [Step] {
        let protections: [Step] = facts.protections.filter { $0.bind == bind }.map {
            switch $0.kind {
            case .held: .holdInPlace(slot, $0.path)
            case .readOnly: .protectBound(slot, $0.path, isMissing: false)
            case .missing: .protectBound(slot, $0.path, isMissing: true)
            case .hidden: .hideBound(slot, $0.path)
            }
        }
        return facts.substitutions.enumerated().filter { $0.element.bind == bind }.reduce(into: protections) {
            let name = "text-\($1.offset)"
            $0 += [
                .writeFile(scratch: name, content: $1.element.content), .coverBound(slot, $1.element.path, by: name),
            ]
        }
    }
}
