// All processes of a sandbox, ended at once and without its init, which may get no turn or may have been stopped.
//
// kill(-1, SIGKILL) from inside the PID namespace is one system call that nobody slips through: the kernel holds its list of
// processes meanwhile, and lets no process with that signal fork. Looking for them one by one, from outside, would take
// as long as they are many, and a busy machine gives that time slowly.

import LinuxSystem

final class Members {
    private let users: Descriptor
    private let processes: Descriptor

    /// To be called before init shuts itself off from being looked into.
    init(of initProcess: ProcessID) throws(Errno) {
        users = try Descriptor.open("/proc/\(initProcess)/ns/user", [.readOnly])
        processes = try Descriptor.open("/proc/\(initProcess)/ns/pid", [.readOnly])
    }

    /// Has a process enter the sandbox and end everything there but init, and goes on.
    func endAll() {
        do throws(Errno) {
            _ = try Apart.start(in: users) { () throws(Errno) in
                try Namespacing.enter(processes)
                // A namespace of processes is entered by children.
                if try Namespacing.cloneProcess(0) == 0 { Process.kill(-1, Signal.kill) }
            }
        } catch {}
    }

    /// Has a process do something with all rights over what the sandbox's ids own, and waits for it.
    func runInside(_ body: () -> Void) {
        do throws(Errno) { try Apart.run(in: users) { body() } } catch {}
    }
}
