// PID 1 of the sandbox: reaps what has no parent, hands signals to the command, keeps the time limit, ends with the
// command (pid_namespaces(7)).
//
// The command has the same user, and must not be able to hold it up: it is in a session, and so a scheduling group, of its
// own, and has a capability that the command lacks. That is what the kernel asks for before one process sets another's
// scheduling, priority or processors (cap_safe_nice() in security/commoncap.c).

import LinuxSystem
import SandboxPolicy

struct Init {
    /// CAP_KILL is for a command of another user.
    static let capabilities = CapabilitySet(.cap_kill).union(CapabilitySet(.cap_sys_nice))

    let command: ProcessID
    let ended: SharedDescriptor
    private var limit: Limit?

    /// - Parameter due: when the time is over, in the milliseconds of `Clock`.
    init(command: ProcessID, ended: SharedDescriptor, due: Int?) {
        self.command = command
        self.ended = ended
        limit = due.map { Limit(due: $0) }
    }

    mutating func run() -> Never {
        // A command that is over at once is not worth giving memory back for.
        var settling: Int? = Supervisor.settling
        setAlarm()
        while true {
            let signal = Signals.next(within: settling)
            // Looked at each time: whoever sends signals without end must not keep the limit from coming.
            if let limit, limit.isDue { keep(limit) }
            guard let signal else {
                Process.releaseMemory()
                settling = nil
                continue
            }
            if signal.number == Signal.child {
                reap()
            } else if !signal.isFromKernel {
                // The terminal's own signals have reached the command as well.
                Process.kill(command, signal.number)
            }
        }
    }

    private func setAlarm() {
        if let limit { Signals.setAlarm(milliseconds: limit.left) }
    }

    /// Asks the command to end, and later ends it. The launcher may be stopped meanwhile, and nobody is told before.
    private mutating func keep(_ due: Limit) {
        if due.isReached { end(Supervisor.timeoutStatus) }
        limit = due.withGrace
        setAlarm()
        Process.kill(command, Signal.terminate)
        Process.kill(command, Signal.goOn)
    }

    private func reap() {
        while true {
            do throws(Errno) {
                guard let ended = try Process.reap() else { return }
                if ended.child == command { end(ended.status.shellStatus) }
            } catch { Process.exit(125) }
        }
    }

    /// Ends what is left, then says how the command ended.
    private func end(_ status: Int32) -> Never {
        Process.kill(-1, Signal.kill)
        do throws(Errno) {
            while true { _ = try Process.wait(for: -1) }
        } catch {}  // ECHILD: nothing is left.
        let ending = limit?.isReached == true ? Ending.limit : .command(status)
        do throws(Errno) { try ended.descriptor.write(ending.encoded) } catch {}
        Process.exit(ending.status)
    }
}
