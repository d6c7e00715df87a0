// The supervisor's end of a filter that asks (seccomp_unotify(2)).

import CLinux
import Glibc

/// Where questions about system calls come in.
public struct SystemCallListener: Sendable {
    /// A process waits in this call until it is answered.
    public struct Question: Sendable {
        public let id: UInt64
        /// As this process sees it; 0 where it can't.
        public let process: ProcessID
        public let number: UInt32
        public let architecture: UInt32
        public let arguments: [UInt64]
    }

    let file: SharedDescriptor

    public init(_ file: SharedDescriptor) { self.file = file }

    /// The next question. To be called when there is one; nil where the process that asked has gone meanwhile.
    public func next() throws(Errno) -> Question? {
        var raw = sb_question()
        let number = file.raw
        do throws(Errno) { try call { unsafe sb_seccomp_receive(number, &raw) } } catch .noEntry { return nil }
        let words = raw.arguments
        return Question(
            id: raw.id, process: raw.process, number: raw.number, architecture: raw.architecture,
            arguments: [words.0, words.1, words.2, words.3, words.4, words.5])
    }

    /// Has the call made, by the kernel, as its process meant it. Only for calls that the filter allows anyway: what
    /// was read of the process's memory may be something else by then.
    public func allow(_ question: Question) { _ = sb_seccomp_answer(file.raw, question.id, 1, 0) }

    /// Has the call fail, or seem to succeed without being made where `errno` is 0.
    public func refuse(_ question: Question, _ errno: Int32) {
        _ = sb_seccomp_answer(file.raw, question.id, 0, errno)
    }

    /// Whether the process still waits in this very call: only then is what was read of its memory, by its id, its own.
    public func isValid(_ question: Question) -> Bool { sb_seccomp_is_valid(file.raw, question.id) != 0 }
}

/// Memory of another process (process_vm_readv(2)); needs the right to trace it.
public enum ProcessMemory {
    /// Up to `count` bytes; less where unreadable memory follows, none where it begins with that.
    public static func read(_ process: ProcessID, at address: UInt64, count: Int) -> [UInt8] {
        guard let address = UInt(exactly: address), count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        let got = unsafe bytes.withUnsafeMutableBytes { room in
            var own = unsafe iovec(iov_base: room.baseAddress, iov_len: count)
            var other = unsafe iovec(iov_base: UnsafeMutableRawPointer(bitPattern: address), iov_len: count)
            return unsafe process_vm_readv(process, &own, 1, &other, 1, 0)
        }
        return Array(bytes.prefix(max(0, got)))
    }
}

extension Descriptor {
    /// Hands a descriptor to the process at the other end of this socket (SCM_RIGHTS of unix(7)), or word that there is
    /// none.
    public borrowing func send(descriptor: Int32?) throws(Errno) {
        guard let descriptor else { return try write([0]) }
        let number = raw
        try call { sb_send_descriptor(number, descriptor) }
    }

    /// Takes what `send` handed over; nil where there is none, or the other end is closed.
    public borrowing func receiveDescriptor() throws(Errno) -> Descriptor? {
        let number = raw
        while true {
            let received = sb_receive_descriptor(number)
            if received >= 0 { return Descriptor(owning: received) }
            switch errno {
            case 0: return nil
            case EINTR: continue
            case EAGAIN:
                var entry = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
                _ = unsafe poll(&entry, 1, -1)
            default: throw Errno.current
            }
        }
    }
}
