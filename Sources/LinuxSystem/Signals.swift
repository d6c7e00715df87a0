// Signals taken one by one from a blocked set, so that nothing runs in a handler (signal(7), sigwaitinfo(2)).

import CLinux
import Glibc

public struct Signal: Equatable, Sendable {
    public let number: Int32
    /// Sent by the kernel, as the terminal's keys are, and not by kill(2).
    public let isFromKernel: Bool
}

public enum Signals {
    /// What a supervisor waits for: children, what it hands on, and the terminal's stop key.
    public static let supervised: [Int32] = [
        SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGWINCH, SIGALRM, SIGPIPE, SIGIO,
    ]

    private static var supervisedSet: sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in supervised { unsafe sigaddset(&set, signal) }
        return set
    }

    public static func blockSupervised() {
        var set = supervisedSet
        unsafe sigprocmask(SIG_BLOCK, &set, nil)
    }

    /// Readable while a supervised signal waits (signalfd(2)).
    static func descriptor() throws(Errno) -> Descriptor {
        var set = supervisedSet
        return Descriptor(owning: try call { unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC)) })
    }

    /// Writing to a pipe that nobody reads is an error of the write for this thread, and not the end of the process.
    public static func blockBrokenPipe() {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGPIPE)
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Lets those through that are to end this process. Not SIGIO, which does as well: what was waited for may still send it.
    public static func unblockEnding() {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] { unsafe sigaddset(&set, signal) }
        unsafe sigprocmask(SIG_UNBLOCK, &set, nil)
    }

    /// Every signal as a program expects it at its start: unblocked, default action.
    public static func restoreDefaults() {
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigprocmask(SIG_SETMASK, &none, nil)
    }

    /// The next supervised signal; nil when none came within `milliseconds` (nil: waits for ever).
    public static func next(within milliseconds: Int? = nil) -> Signal? {
        var set = supervisedSet
        while true {
            var info = unsafe siginfo_t()
            let number: Int32
            if let milliseconds {
                var time = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
                number = unsafe sigtimedwait(&set, &info, &time)
            } else {
                number = unsafe sigwaitinfo(&set, &info)
            }
            if number > 0 {
                let code = unsafe sb_signal_code(&info)
                return Signal(number: number, isFromKernel: code == Int32(bitPattern: UInt32(SB_SI_KERNEL)))
            }
            if errno == EAGAIN { return nil }
        }
    }
}

extension Descriptor {
    /// Has the kernel send SIGIO to this process when there is something to read (O_ASYNC in fcntl(2)).
    public borrowing func signalWhenReadable() throws(Errno) {
        let number = raw
        try call { sb_fcntl(number, F_SETOWN, getpid()) }
        try call { sb_fcntl(number, F_SETFL, O_ASYNC | O_NONBLOCK) }
    }
}

/// Time that only goes forward (clock_gettime(2), CLOCK_MONOTONIC).
public enum Clock {
    /// CLOCK_REALTIME.
    public static var secondsSince1970: Int { Glibc.time(nil) }

    public static var milliseconds: Int {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    }
}
