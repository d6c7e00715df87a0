// The launcher while the command runs: hands signals on, keeps the time limit, reports how it ended.

import LinuxSystem

struct Supervisor {
    let child: ProcessID
    /// Where init writes the command's status, one byte, when no other process is left inside.
    let status: SharedDescriptor
    /// Seconds.
    let timeout: Int?
    /// The terminal's keys do not reach the command by themselves.
    let hasOwnSession: Bool
    var wakening: Wakening
    /// Answers a system call that waits.
    let answer: () -> Void
    let timedOut: (Int) -> Void

    /// How long a command that was asked to end may take, in milliseconds.
    static let grace = 2000
    /// After this many milliseconds a command is taken for a longer one.
    static let settling = 50
    static let timeoutStatus: Int32 = 124

    mutating func run() -> Int32 {
        let deadline = timeout.map { Clock.milliseconds + $0 * 1000 }
        var isTimedOut = false
        var isSettled = false
        var next = deadline
        while true {
            let left = next.map { max(0, $0 - Clock.milliseconds) }
            // Looked at each time: those who ask without end must not keep the limit from coming.
            if left == 0 {
                if isTimedOut {
                    Process.kill(child, 9)
                    next = nil
                } else {
                    isTimedOut = true
                    timedOut(timeout ?? 0)
                    Process.kill(child, 15)
                    next = Clock.milliseconds + Self.grace
                }
                continue
            }
            switch wakening.next(within: isSettled ? left : min(left ?? .max, Self.settling)) {
            case .signal(let signal):
                if let status = handle(signal) { return isTimedOut ? Self.timeoutStatus : status }
            case .question: answer()
            case .nothing where !isSettled: Process.releaseMemory()
            case .nothing: break
            }
            isSettled = true
        }
    }

    /// - Returns: the sandbox's exit status once it has ended.
    private func handle(_ signal: Signal) -> Int32? {
        switch signal.number {
        case 17:  // SIGCHLD
            while true {
                do throws(Errno) {
                    guard let ended = try Process.reap() else { return nil }
                    if ended.child == child { return ended.status.shellStatus }
                } catch { return 125 }
            }
        case 29:  // SIGIO
            do throws(Errno) {
                if let byte = try status.descriptor.read(upTo: 1).first { return Int32(byte) }
            } catch { return nil }
        case 20:  // SIGTSTP: the command has stopped by itself; so does this process, until SIGCONT.
            if signal.isFromKernel { Process.kill(Process.id, 19) } else { Process.kill(child, 20) }
        case 28:  // SIGWINCH reaches the command from the terminal itself.
            if hasOwnSession || !signal.isFromKernel { Process.kill(child, 28) }
        default:
            // What a terminal's key sends, it has sent to the command too.
            if hasOwnSession || !signal.isFromKernel { Process.kill(child, signal.number) }
        }
        return nil
    }
}
