// What a filter is compiled for, and which of a profile's rules count there.

public import SandboxPolicy

/// The two numbers of a kernel version that files compare.
public struct KernelVersion: Comparable, Sendable {
    public let major: Int
    public let minor: Int

    public init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// - Parameter text: `4.8`, or longer as uname(2) says it.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1].prefix(while: \.isNumber)) else {
            return nil
        }
        self.init(major: major, minor: minor)
    }

    public static func < (left: Self, right: Self) -> Bool { (left.major, left.minor) < (right.major, right.minor) }
}

/// A machine's own system call interface, which filters are compiled for. Others that its kernel also offers (i386, x32) are refused as a whole.
public enum Architecture: String, Sendable, CaseIterable {
    case x86_64
    case aarch64

    #if arch(x86_64)
    public static let native = Architecture.x86_64
    #elseif arch(arm64)
    public static let native = Architecture.aarch64
    #endif

    /// What `arches` in a file calls it: Go's name for it, or the kernel's.
    func isNamed(_ word: String) -> Bool {
        switch self {
        case .x86_64: word == "amd64" || word == rawValue
        case .aarch64: word == "arm64" || word == rawValue
        }
    }
}

/// Where a filter is to hold, on this machine's architecture.
public struct FilterTarget: Sendable {
    public let capabilities: CapabilitySet
    public let kernel: KernelVersion
    /// Answer changes of owner and identity with success, and do nothing: where one id exists inside, they can't be
    /// made, and package managers insist on them.
    public let emulateRoot: Bool
    /// Groups and calls of `--allow`, which are let through whatever the profile and `emulateRoot` say.
    public let allowed: [String]
    /// The only calls that are not refused; empty: all that the profile allows. What is in `allowed` counts as listed.
    public let only: [String]

    public init(
        capabilities: CapabilitySet, kernel: KernelVersion, emulateRoot: Bool, allowed: [String] = [],
        only: [String] = []
    ) {
        self.capabilities = capabilities
        self.kernel = kernel
        self.emulateRoot = emulateRoot
        self.allowed = allowed
        self.only = only
    }

    static let emulatedCalls = [
        "chown", "fchown", "lchown", "fchownat", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid",
        "setgroups", "setfsuid", "setfsgid",
    ]

    /// Whether a rule counts here: all of `includes` hold, and none of `excludes`.
    func accepts(_ rule: FilterProfile.Rule) -> Bool {
        let (wanted, unwanted) = (rule.includes, rule.excludes)
        return wanted.capabilities.allSatisfy(holds)
            && (wanted.architectures.isEmpty || wanted.architectures.contains(where: Architecture.native.isNamed))
            && wanted.kernel.map { kernel >= $0 } ?? true
            && !unwanted.capabilities.contains(where: holds)
            && !unwanted.architectures.contains(where: Architecture.native.isNamed)
            && !(unwanted.kernel.map { kernel >= $0 } ?? false)
    }

    /// A capability that is not known here is not held here.
    private func holds(_ name: String) -> Bool { Capability(name: name).map(capabilities.contains) ?? false }
}
