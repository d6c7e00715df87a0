// Descriptors 0, 1 and 2, which belong to the caller and which the command inherits.

public import CLinux
import Glibc

public enum StandardDescriptors {
    /// One that is a folder: all of the host would hang on it.
    public static var folder: Int32? { (0...2).first { status($0)?.kind == .directory } }

    /// What fstat(2) says; nil where it is closed.
    public static func status(_ number: Int32) -> FileStatus? {
        var status = stat()
        return unsafe fstat(number, &status) == 0 ? FileStatus(status) : nil
    }

    /// Whether one is a file that is not open for writing.
    public static var handsFileIn: Bool {
        (0...2).contains { status($0)?.kind == .regular && access($0) == O_RDONLY }
    }

    /// Whether it is a file that is open for adding to its end, and for nothing else.
    public static func isAppending(_ number: Int32) -> Bool {
        status(number)?.kind == .regular && access(number) == O_WRONLY && flags(number) & O_APPEND != 0
    }

    /// Whether two lead to one file.
    public static func areSame(_ first: Int32, _ second: Int32) -> Bool {
        guard let first = status(first), let second = status(second) else { return false }
        return first.isSameFile(as: second)
    }

    public static func write(_ number: Int32, _ bytes: [UInt8]) throws(Errno) {
        try Descriptor.writeBorrowed(number, bytes)
    }

    private static func flags(_ number: Int32) -> Int32 { sb_fcntl(number, F_GETFL, 0) }
    private static func access(_ number: Int32) -> Int32 { flags(number) & O_ACCMODE }

    /// fchown(2); what can't be changed stays.
    public static func changeOwner(_ number: Int32, _ owner: uid_t, _ group: gid_t?) {
        _ = fchown(number, owner, group ?? .max)
    }

    /// fchmod(2); the same.
    public static func changeMode(_ number: Int32, _ mode: mode_t) { _ = fchmod(number, mode) }

    private static let list = "system.posix_acl_access"

    /// The list of acl(5) that the file has beside its mode; nil for none.
    public static func accessList(_ number: Int32) -> [UInt8]? {
        var value = [UInt8](repeating: 0, count: 1024)
        let length = unsafe fgetxattr(number, list, &value, value.count)
        return length > 0 ? Array(value.prefix(length)) : nil
    }

    public static func setAccessList(_ number: Int32, _ value: [UInt8]?) {
        if let value {
            _ = unsafe fsetxattr(number, list, value, value.count, 0)
        } else {
            _ = unsafe fremovexattr(number, list)
        }
    }
}
