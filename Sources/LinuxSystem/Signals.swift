// Signals taken one by one from a blocked set, so that nothing runs in a handler (signal(7), sigwaitinfo(2)).

import CLinux
import Glibc

public struct Signal: Equatable, Sendable {
    public let number: Int32
    /// Sent by the kernel, as the terminal's keys are, and not by kill(2).
    public let isFromKernel: Bool
}

extension Signal {
    public static var child: Int32 { SIGCHLD }
    public static var terminate: Int32 { SIGTERM }
    public static var kill: Int32 { SIGKILL }
    public static var stop: Int32 { SIGSTOP }
    /// The terminal's stop key.
    public static var keyStop: Int32 { SIGTSTP }
    public static var goOn: Int32 { SIGCONT }
    public static var windowSize: Int32 { SIGWINCH }
}

public enum Signals {
    /// What a supervisor waits for: children, what it hands on, and the terminal's stop key.
    public static let supervised: [Int32] = [
        SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGWINCH, SIGALRM, SIGPIPE, SIGIO,
    ]

    fileprivate static var supervisedSet: sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in supervised { unsafe sigaddset(&set, signal) }
        return set
    }

    public static func blockSupervised() {
        var set = supervisedSet
        unsafe sigprocmask(SIG_BLOCK, &set, nil)
    }

    /// Has the kernel send SIGALRM to this process once, in so many milliseconds (setitimer(2)): as exact as timers are,
    /// whatever else was asked for this process (PR_SET_TIMERSLACK(2const) delays waits, not this).
    public static func setAlarm(milliseconds: Int) {
        var timer = itimerval()
        timer.it_value = timeval(tv_sec: milliseconds / 1000, tv_usec: max(1, milliseconds % 1000 * 1000))
        unsafe setitimer(ITIMER_REAL, &timer, nil)
    }

    /// From here on this process may write to a terminal that another job has (SIGTTOU would stop it), and the signals
    /// that are to end it do.
    public static func prepareLastWords() {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGTTOU)
        unsafe sigprocmask(SIG_BLOCK, &set, nil)
        unblockEnding()
    }

    /// Writing to a pipe that nobody reads is an error of the write for this thread, and not the end of the process.
    public static func blockBrokenPipe() {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGPIPE)
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Whether SIGXFSZ is ignored by this process's own doing.
    nonisolated(unsafe) private static var failsBeyondFileSizeLimit = false

    /// Writing more than `ulimit -f` allows is an error of the write (EFBIG), and not the end of this process, until
    /// `restoreDefaults`. What the caller ignores stays ignored.
    public static func failBeyondFileSizeLimit() {
        if unsafe failsBeyondFileSizeLimit { return }
        let before = signal(SIGXFSZ, SIG_IGN)
        unsafe failsBeyondFileSizeLimit = before == nil
    }

    public static func restoreFileSizeLimit() {
        if unsafe !failsBeyondFileSizeLimit { return }
        signal(SIGXFSZ, SIG_DFL)
        unsafe failsBeyondFileSizeLimit = false
    }

    /// Lets those through that are to end this process.
    public static func unblockEnding() {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] { unsafe sigaddset(&set, signal) }
        unsafe sigprocmask(SIG_UNBLOCK, &set, nil)
    }

    /// Every signal as a program expects it at its start: unblocked, default action.
    public static func restoreDefaults() {
        restoreFileSizeLimit()
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

/// Signals as something to read, beside other things (signalfd(2)).
public struct SignalQueue: Sendable {
    let file: SharedDescriptor

    /// Of the supervised signals, which are to be blocked.
    public init() throws(Errno) {
        var set = Signals.supervisedSet
        file = SharedDescriptor(
            Descriptor(owning: try call { unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK)) }))
    }

    /// The next that waits, or nil.
    func next() -> Signal? {
        var info = signalfd_siginfo()
        let number = file.raw
        guard unsafe Glibc.read(number, &info, MemoryLayout<signalfd_siginfo>.size) > 0 else { return nil }
        return Signal(
            number: Int32(bitPattern: info.ssi_signo),
            isFromKernel: info.ssi_code == Int32(bitPattern: UInt32(SB_SI_KERNEL)))
    }
}

/// Time that only goes forward (clock_gettime(2), CLOCK_MONOTONIC).
public enum Clock {
    /// CLOCK_REALTIME.
    public static var secondsSince1970: Int { Glibc.time(nil) }

    /// usleep(3).
    public static func pause(milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }

    public static var milliseconds: Int {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    }
}
