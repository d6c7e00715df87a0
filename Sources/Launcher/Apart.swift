// What has to be done in the sandbox's namespaces. Entering one can't be taken back, so a process of its own does it.

import LinuxSystem

enum Apart {
    /// Has a process enter the user namespace, where it has all rights over what the ids there own, and run `body`.
    static func start(
        in users: borrowing Descriptor, _ body: () throws(Errno) -> Void
    ) throws(Errno) -> ProcessID {
        let process = try Namespacing.cloneProcess(0)
        if process != 0 { return process }
        do throws(Errno) {
            // Where there is no user namespace of the sandbox's own, this is the current one: EINVAL.
            do throws(Errno) { try Namespacing.enter(users) } catch .invalid {}
            try body()
        } catch { Process.exit(error.rawValue) }
        Process.exit(0)
    }

    /// The same, waited for.
    /// - Throws: what `body` threw.
    static func run(in users: borrowing Descriptor, _ body: () throws(Errno) -> Void) throws(Errno) {
        switch try Process.wait(for: start(in: users, body)) {
        case .exited(0): return
        case .exited(let error): throw Errno(error)
        default: throw .noData
        }
    }
}
