// The one funnel for system calls: a negative answer becomes a thrown `Errno`, and EINTR is tried again here only.

import CLinux
import Glibc

/// What a failed system call left in `errno` (errno(3)).
public struct Errno: Error, Equatable, Hashable, Sendable {
    public let rawValue: Int32

    public init(_ rawValue: Int32) { self.rawValue = rawValue }

    /// The `errno` of the call that has just failed.
    public static var current: Errno { Errno(errno) }

    public static let permission = Errno(EPERM)
    public static let noEntry = Errno(ENOENT)
    public static let access = Errno(EACCES)
    public static let exists = Errno(EEXIST)
    public static let notDirectory = Errno(ENOTDIR)
    public static let isDirectory = Errno(EISDIR)
    public static let invalid = Errno(EINVAL)
    public static let noSpace = Errno(ENOSPC)
    public static let loop = Errno(ELOOP)
    public static let notEmpty = Errno(ENOTEMPTY)
    public static let wouldBlock = Errno(EAGAIN)
    public static let noDevice = Errno(ENODEV)
    public static let notSupported = Errno(EOPNOTSUPP)
    public static let readOnly = Errno(EROFS)
    public static let busy = Errno(EBUSY)
    public static let noData = Errno(ENODATA)
    public static let noAddressFamily = Errno(EAFNOSUPPORT)
    public static let noProtocol = Errno(EPROTONOSUPPORT)
    public static let noProtocolOption = Errno(ENOPROTOOPT)
    public static let tooBig = Errno(EFBIG)
    public static let tooManyOpenFiles = Errno(EMFILE)
    public static let stale = Errno(ESTALE)
    public static let quota = Errno(EDQUOT)
    public static let overflow = Errno(EOVERFLOW)
    /// A pipe or socket where landlock_add_rule(2) wants a file or folder.
    public static let noPlace = Errno(EBADFD)
    /// No number of the kernel's: a file that must be a regular one is a pipe, a device, a socket or a folder.
    public static let notRegular = Errno(-1)
    /// Another: a link on the way belongs to somebody else, who chooses where it leads.
    public static let anothersLink = Errno(-2)
}

extension Errno: CustomStringConvertible {
    /// The C library's sentence for this number (strerror(3)).
    public var description: String {
        switch self {
        case .notRegular: "not a regular file"
        case .anothersLink: "a link on the way belongs to another user, who can turn it; say what it leads to"
        default: unsafe String(cString: strerror(rawValue))
        }
    }
}

/// Runs one system call until it is not interrupted, and throws what it left in `errno` when it fails.
@discardableResult
@inline(__always)
func call<Result: SignedInteger>(_ body: () -> Result) throws(Errno) -> Result {
    while true {
        let result = body()
        if result >= 0 { return result }
        if errno != EINTR { throw Errno.current }
        if sb_limit_is_due() != 0 { throw Errno.timeLimit }
    }
}
