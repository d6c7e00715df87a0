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

/// Hears of names that come, go and are moved in some folders (inotify(7)).
public struct NameChanges: Sendable {
    public let queue: SharedDescriptor

    /// - Throws: EMFILE where the user has no more of these.
    public init() throws(Errno) {
        queue = SharedDescriptor(Descriptor(owning: try call { inotify_init1(O_CLOEXEC | O_NONBLOCK) }))
    }

    /// From here on also in this folder. One that is watched already stays so.
    public func watch(_ folder: borrowing Descriptor) throws(Errno) {
        let (queue, path) = (queue.raw, "/proc/self/fd/\(folder.raw)")
        let wanted = UInt32(IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR)
        try call { unsafe inotify_add_watch(queue, path.forC, wanted) }
    }

    /// Takes what has come in.
    /// - Returns: whether one of `names` is among it, or something was lost.
    public func take(anyOf names: Set<[UInt8]>) -> Bool {
        var isAmong = false
        while true {
            let bytes: [UInt8]
            do throws(Errno) { bytes = try queue.descriptor.read(upTo: 64 << 10) } catch { return isAmong }
            if bytes.isEmpty { return isAmong }
            isAmong = isAmong || Self.names(in: bytes).contains { $0.isEmpty || names.contains($0) }
        }
    }

    /// Empty for what has none, as the word that some were lost (IN_Q_OVERFLOW).
    private static func names(in bytes: [UInt8]) -> [[UInt8]] {
        var names: [[UInt8]] = []
        var start = 0
        while start + 16 <= bytes.count {
            let length = unsafe bytes.withUnsafeBytes {
                unsafe Int($0.loadUnaligned(fromByteOffset: start + 12, as: UInt32.self))
            }
            let end = min(start + 16 + length, bytes.count)
            names.append(Array(bytes[(start + 16)..<end].prefix { $0 != 0 }))
            start = end
        }
        return names
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
