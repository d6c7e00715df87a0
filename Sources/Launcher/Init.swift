// PID 1 of the sandbox: reaps what has no parent, hands signals to the command, ends with it (pid_namespaces(7)).

import LinuxSystem

struct Init {
    let command: ProcessID

    func run() -> Never {
        Process.releaseMemory()
        while true {
            guard let signal = Signals.next() else { continue }
            if signal.number == 17 {
                reap()
            } else if !signal.isFromKernel {
                // The terminal's own signals have reached the command as well.
                Process.kill(command, signal.number)
            }
        }
    }

    /// The kernel ends whatever is left in the namespace when this process does.
    private func reap() {
        while true {
            do throws(Errno) {
                guard let ended = try Process.reap() else { return }
                if ended.child == command { Process.exit(ended.status.shellStatus) }
            } catch { Process.exit(125) }
        }
    }
}
