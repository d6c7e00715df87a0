// A compiled system call filter as the launcher keeps it: with all that it was made from, to be compared and not
// believed.

import ByteText

/// What a filter is compiled from. The whole text of a user's file is part of it: comparing needs no hash, and no clock
/// that is too coarse for two writings in a row can make two texts look alike. Of those that came with the program the
/// stamp stands for the text, as with profiles: to read fourteen kilobytes at each start takes a twentieth of it.
public struct FilterSource: Equatable, Sendable {
    /// The file's bytes, in the OCI format; or `FileStatus.stamp` of it.
    public var content: [UInt8]
    /// The capabilities held inside, by the kernel's bits.
    public var capabilities: CapabilitySet
    /// Changes of owner and identity are answered with success.
    public var emulateRoot: Bool
    /// Groups and calls that are let through in any case.
    public var allowed: [String]
    /// Names of the only calls that are not refused; empty: all that the file allows.
    public var only: [String]
    public var kernel: (major: Int, minor: Int)

    public init(
        content: [UInt8], capabilities: CapabilitySet, emulateRoot: Bool, allowed: [String], only: [String] = [],
        kernel: (major: Int, minor: Int)
    ) {
        self.content = content
        self.capabilities = capabilities
        self.emulateRoot = emulateRoot
        self.allowed = allowed
        self.only = only
        self.kernel = kernel
    }

    public static func == (a: FilterSource, b: FilterSource) -> Bool { a.encoded == b.encoded }

    /// All but the file's content: which of several filters of one file this is.
    fileprivate var words: [String] {
        [String(capabilities.bits), emulateRoot ? "emulate" : "real", "\(kernel.major).\(kernel.minor)"]
            + [String(allowed.count)] + allowed + only
    }

    fileprivate var encoded: [UInt8] { EntryKey("filter", words + [String(content.count)]).encoded + content }

    /// The cache entry's file name. A file that has changed takes the place of what it was.
    public func fileName(of path: String) -> String { EntryKey("filter", [path] + words).name }
}

/// The cache entry. Written by `sandbox-manage`, read by the launcher.
public struct FilterFile: Equatable, Sendable {
    /// The compiler: when one of its parts has changed, the program is made anew.
    public var dependencies: [SettingsFile.Dependency]
    /// As `FilterSource` writes itself.
    private var source: [UInt8]
    /// `struct sock_filter`s, as seccomp(2) takes them.
    public var program: [UInt8]

    public init(dependencies: [SettingsFile.Dependency], source: FilterSource, program: [UInt8]) {
        self.dependencies = dependencies
        self.source = source.encoded
        self.program = program
    }

    private static let signature = "sandbox-filter-2"

    public var encoded: [UInt8] {
        var words = [Self.signature, String(dependencies.count)]
        for dependency in dependencies { words += [dependency.path, dependency.stamp] }
        return Words.join(words + [String(source.count)]) + source + program
    }

    /// - Returns: nil where the bytes are not such a file, or are of another version: then it is made anew.
    public init?(encoded: [UInt8]) {
        var rest = encoded[...]
        func word() -> String? {
            guard let end = rest.firstIndex(of: 0) else { return nil }
            defer { rest = rest[(end + 1)...] }
            return ByteText.text(rest[..<end])
        }
        guard word() == Self.signature, let count = word().flatMap({ Int($0) }), count >= 0, count < 16 else {
            return nil
        }
        dependencies = []
        for _ in 0..<count {
            guard let path = word(), let stamp = word() else { return nil }
            dependencies.append(SettingsFile.Dependency(path: path, stamp: stamp))
        }
        guard let size = word().flatMap({ Int($0) }), size >= 0, size < rest.count, (rest.count - size) % 8 == 0 else {
            return nil
        }
        source = Array(rest.prefix(size))
        program = Array(rest.dropFirst(size))
    }

    /// Whether the program was made from this and nothing else.
    public func isMade(from other: FilterSource) -> Bool { source == other.encoded }
}
