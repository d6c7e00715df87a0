// PID 1 of the sandbox: reaps what has no parent, hands signals to the command, ends with it (pid_namespaces(7)).

import LinuxSystem

struct Init {
    let command: ProcessID
    let ended: SharedDescriptor

    func run() -> Never {
        // A command that is over at once is not worth giving memory back for.
        var settling: Int? = Supervisor.settling
        while true {
            guard let signal = Signals.next(within: settling) else {
                Process.releaseMemory()
                settling = nil
                continue
            }
            if signal.number == 17 {
                reap()
            } else if !signal.isFromKernel {
                // The terminal's own signals have reached the command as well.
                Process.kill(command, signal.number)
            }
        }
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
        Process.kill(-1, 9)
        do throws(Errno) {
            while true { _ = try Process.wait(for: -1) }
        } catch {}  // ECHILD: nothing is left.
        do throws(Errno) { try ended.descriptor.write([UInt8(truncatingIfNeeded: status)]) } catch {}
        Process.exit(status)
    }
}
