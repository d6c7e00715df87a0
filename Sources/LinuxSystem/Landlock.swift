// Rules that a process puts on itself and on all that comes from it (landlock(7)).

import CLinux
import Glibc

public enum Landlock {
    /// The version of the running kernel's interface (landlock_create_ruleset(2)), or 0 where it has none.
    public static var version: Int { do { return try askVersion() } catch { return 0 } }

    /// The same.
    /// - Throws: ENOSYS where it is not built in, EOPNOTSUPP where it is switched off.
    public static func askVersion() throws(Errno) -> Int { Int(try call { sb_landlock_version() }) }

    /// Holds this process to the rules, for ever (landlock_restrict_self(2)). Needs no_new_privs.
    public static func restrict(to ruleset: borrowing LandlockRuleset) throws(Errno) {
        let number = ruleset.descriptor.raw
        try call { sb_landlock_restrict_self(number) }
    }
}

/// Rules in the making. What it holds is refused wherever no rule allows it.
public struct LandlockRuleset: ~Copyable {
    let descriptor: Descriptor

    /// - Parameter files: LANDLOCK_ACCESS_FS_… bits; zero leaves files alone.
    public init(files: UInt64, tcpBind: Bool, tcpConnect: Bool, scopes: Bool) throws(Errno) {
        let network: UInt64 = (tcpBind ? Self.bind : 0) | (tcpConnect ? Self.connect : 0)
        // LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET and LANDLOCK_SCOPE_SIGNAL.
        descriptor = Descriptor(owning: try call { sb_landlock_create_ruleset(files, network, scopes ? 3 : 0) })
    }

    private static let bind: UInt64 = 1
    private static let connect: UInt64 = 2

    /// Allows `files` beneath an open file or folder.
    public borrowing func allow(_ files: UInt64, beneath place: borrowing Descriptor) throws(Errno) {
        try allow(files, beneath: place.raw)
    }

    /// Allows `files` of what a standard descriptor stands for, if it is a file. Writing only where it is open for that.
    public borrowing func allow(_ files: UInt64, standardDescriptor number: Int32) throws(Errno) {
        let flags = sb_fcntl(number, F_GETFL, 0)
        guard flags >= 0 else { return }
        let isWritable = flags & O_ACCMODE != O_RDONLY
        let rights = isWritable ? files : files & ~Self.writing
        if rights == 0 { return }
        // A pipe or socket, which can be no place, needs no rule either: EBADFD.
        do throws(Errno) { try allow(rights, beneath: number) } catch Errno(EBADFD) {}
    }

    /// LANDLOCK_ACCESS_FS_WRITE_FILE and …_TRUNCATE.
    private static let writing: UInt64 = 1 << 1 | 1 << 14

    private borrowing func allow(_ files: UInt64, beneath place: Int32) throws(Errno) {
        let ruleset = descriptor.raw
        try call { sb_landlock_allow_beneath(ruleset, place, files) }
    }

    public borrowing func allowToConnect(_ port: UInt16) throws(Errno) { try allow(Self.connect, port) }
    public borrowing func allowToBind(_ port: UInt16) throws(Errno) { try allow(Self.bind, port) }

    private borrowing func allow(_ right: UInt64, _ port: UInt16) throws(Errno) {
        let ruleset = descriptor.raw
        try call { sb_landlock_allow_port(ruleset, UInt64(port), right) }
    }
}
