// Waiting for processes and mounts, and entering namespaces by descriptor.

import CLinux
import Glibc

extension Process {
    /// Stands for this process and for no later one of the same id; readable when it has ended (pidfd_open(2)).
    public static func handle(of process: ProcessID) throws(Errno) -> Descriptor {
        let number = try call { sb_pidfd_open(process) }
        try call { sb_fcntl(number, F_SETFD, FD_CLOEXEC) }
        return Descriptor(owning: number)
    }
}

/// Waits for one of several descriptors (poll(2)).
public enum Watch {
    /// - Parameters:
    ///   - readable: those that have something to read, or have come to their end.
    ///   - mounts: an open /proc/PID/mounts, whose mounts have changed (proc(5)).
    /// - Returns: which of `readable` is ready, the first; nil for `mounts`, or after `milliseconds`.
    public static func next(
        readable: [SharedDescriptor], mounts: SharedDescriptor? = nil, within milliseconds: Int? = nil
    ) throws(Errno) -> Int? {
        try ready(readable, mounts, within: milliseconds).prefix(readable.count).firstIndex(of: true)
    }

    /// - Returns: which of `readable` is ready, and last whether `mounts` have changed since this was asked before.
    public static func ready(
        _ readable: [SharedDescriptor], _ mounts: SharedDescriptor?, within milliseconds: Int? = nil
    ) throws(Errno) -> [Bool] {
        var entries = readable.map { pollfd(fd: $0.raw, events: Int16(POLLIN), revents: 0) }
        if let mounts { entries.append(pollfd(fd: mounts.raw, events: Int16(POLLPRI), revents: 0)) }
        let count = nfds_t(entries.count)
        try call { unsafe poll(&entries, count, Int32(clamping: milliseconds ?? -1)) }
        return entries.map { $0.revents != 0 }
    }
}

/// Hears that a name has gone from one of some folders, or was moved (F_NOTIFY of fcntl(2)): by a signal of which one at most
/// waits, so that none is lost. inotify(7) would tell which, but to let go of it takes the kernel 15 ms.
public final class FolderChanges {
    public let signals: SharedDescriptor
    /// What is watched is so as long as it is open.
    private var folders: [SharedDescriptor] = []
    private static let wanted = Int32(bitPattern: 0x8000_0008)  // DN_MULTISHOT, DN_DELETE: to move is to go, too.

    /// The signal, SIGIO, is kept from ending this process.
    public init() throws(Errno) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGIO)
        unsafe sigprocmask(SIG_BLOCK, &set, nil)
        signals = SharedDescriptor(
            Descriptor(owning: try call { unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK)) }))
    }

    /// From here on in these folders, and in none of those before.
    /// - Throws: where one can't be watched; the others are.
    public func watch(_ opened: [SharedDescriptor]) throws(Errno) {
        var failure: Errno?
        var watched: [SharedDescriptor] = []
        for folder in opened {
            do throws(Errno) {
                try call { sb_fcntl(folder.raw, F_NOTIFY, Self.wanted) }
                watched.append(folder)
            } catch { failure = error }
        }
        folders = watched
        if let failure { throw failure }
    }

    /// Takes the word that something has changed.
    public func take() { do throws(Errno) { _ = try signals.descriptor.read(upTo: 128) } catch {} }
}
