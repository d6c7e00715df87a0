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
        var entries = readable.map { pollfd(fd: $0.raw, events: Int16(POLLIN), revents: 0) }
        if let mounts { entries.append(pollfd(fd: mounts.raw, events: Int16(POLLPRI), revents: 0)) }
        let count = nfds_t(entries.count)
        try call { unsafe poll(&entries, count, Int32(clamping: milliseconds ?? -1)) }
        return entries.prefix(readable.count).firstIndex { $0.revents != 0 }
    }
}

extension Namespacing {
    /// Enters the user namespace and then the mount namespace that these stand for (setns(2)).
    public static func enter(user: borrowing Descriptor, mounts: borrowing Descriptor) throws(Errno) {
        let (first, second) = (user.raw, mounts.raw)
        try call { setns(first, CLONE_NEWUSER) }
        try call { setns(second, CLONE_NEWNS) }
    }
}

extension Descriptor {
    /// The number of the mount that this file was opened through (proc(5), fdinfo).
    public var mountID: Int? {
        borrowing get {
            let info = Files.text("/proc/self/fdinfo/\(raw)") ?? ""
            let line = info.split(separator: "\n").first { $0.hasPrefix("mnt_id:") }
            return line?.split(separator: "\t").last.flatMap { Int($0) }
        }
    }
}
