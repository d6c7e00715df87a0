// Descriptors 0, 1 and 2, which belong to the caller and which the command inherits.

import ByteText
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

    /// The extended attributes that whoever owns the file may change, the list of acl(5) and file capabilities among them.
    public static func attributes(_ number: Int32) -> [String: [UInt8]] {
        var names = [CChar](repeating: 0, count: 4096)
        let length = unsafe flistxattr(number, &names, names.count)
        if length <= 0 { return [:] }
        var found: [String: [UInt8]] = [:]
        for name in names[..<length].split(separator: 0) {
            let name = ByteText.text(name.map { UInt8(bitPattern: $0) })
            var value = [UInt8](repeating: 0, count: 64 << 10)
            let size = unsafe fgetxattr(number, name.forC, &value, value.count)
            if size >= 0 { found[name] = Array(value.prefix(size)) }
        }
        return found
    }

    /// Sets an attribute, or with nil takes it away; what can't be changed stays.
    public static func setAttribute(_ number: Int32, _ name: String, _ value: [UInt8]?) {
        if let value {
            _ = unsafe fsetxattr(number, name.forC, value, value.count, 0)
        } else if unsafe fremovexattr(number, name.forC) != 0, name == capabilities {
            // Not everybody's to take away, but a change of the owner does it, also one to who it is.
            _ = fchown(number, .max, .max)
        }
    }

    private static let capabilities = "security.capability"

    /// What chattr(1) sets; 0 for none.
    public static func flags(ofFile number: Int32) -> Int32 { sb_file_flags(number) }
    public static func setFlags(ofFile number: Int32, _ flags: Int32) { _ = sb_set_file_flags(number, flags) }

    /// Lets go of a lease that somebody took on the open file, by which others would wait for it.
    public static func endLease(_ number: Int32) { sb_end_lease(number) }
}

/// How a terminal is set.
public struct TerminalState {
    private let number: Int32
    private let settings: termios
    private let isExclusive: Bool

    /// nil where the descriptor is no terminal.
    public init?(_ number: Int32) {
        var settings = termios()
        guard unsafe tcgetattr(number, &settings) == 0 else { return nil }
        self.number = number
        self.settings = settings
        isExclusive = sb_is_exclusive(number) != 0
    }

    /// Sets it so again. In the background, the modes are whoever's who is in front.
    public func restore() {
        if !isExclusive, sb_is_exclusive(number) != 0 { _ = sb_share_terminal(number) }
        var (before, now) = (settings, termios())
        guard unsafe tcgetattr(number, &now) == 0, tcgetpgrp(number) == getpgrp() else { return }
        let isSame = unsafe withUnsafeBytes(of: &before) { before in
            unsafe withUnsafeBytes(of: &now) { now in unsafe before.elementsEqual(now) }
        }
        if !isSame { _ = unsafe tcsetattr(number, TCSANOW, &before) }
    }
}
