// The launch, from the child's side: walk the steps, then go on as the sandbox's init with the command as its child.

import LaunchPlan
import LinuxSystem

/// PID 1 of the sandbox.
struct Child {
    let launch: Launch
    /// A byte arrives when the ids are mapped; it closes when the launcher is gone.
    let gate: SharedDescriptor
    /// Where a failure is reported; closed by execve(2).
    let report: SharedDescriptor
    /// Where init writes how the command ended.
    let ended: SharedDescriptor

    func run() -> Never {
        do throws(LaunchFailure) {
            try leaveTheCaller()
            try walk()
            try dieWithLauncher()
            try start()
        } catch {
            Self.fail(error, report)
        }
    }

    private func walk() throws(LaunchFailure) {
        var walker = StepWalker(launch.plan)
        for (index, step) in launch.plan.steps.enumerated() {
            do throws(Errno) {
                try walker.walk(step, gate.descriptor)
            } catch {
                throw LaunchFailure(.step(index), errno: error.rawValue, object: walker.culprit.name)
            }
        }
    }

    /// Says what failed and ends; the launcher has the words for it.
    static func fail(_ failure: LaunchFailure, _ report: SharedDescriptor) -> Never {
        do throws(Errno) { try report.descriptor.write(failure.encoded) } catch {}
        Process.exit(125)
    }

    /// What the caller has open, and its process group, stay outside.
    private func leaveTheCaller() throws(LaunchFailure) {
        do throws(Errno) {
            try Namespacing.closeDescriptors(keeping: [gate.raw, report.raw, ended.raw])
            if launch.hasOwnSession { try Namespacing.startSession() }
        } catch { throw LaunchFailure(.namespaces, errno: error.rawValue) }
    }

    private func dieWithLauncher() throws(LaunchFailure) {
        do throws(Errno) {
            // Init holds what the sandbox must not reach: no looking into it by proc(5) or ptrace(2).
            try Namespacing.setDumpable(false)
            try Namespacing.setParentDeathSignal(9)
        } catch { throw LaunchFailure(.capabilities, errno: error.rawValue) }
        // It may have gone before the signal was set.
        if Namespacing.isHungUp(gate.descriptor) { Process.exit(125) }
    }

    private func start() throws(LaunchFailure) -> Never {
        let command: ProcessID
        // Copied before this process's own command line is overwritten: it may name what the sandbox is not to know.
        let words = ProgramWords(launch.words, tail: launch.tail)
        OwnCommandLine.replace(with: "sandbox-init")
        var listener: Int32?
        var start = CommandStart(
            execution: launch.plan.execution, filter: launch.filter, words: words, report: report.raw)
        if let observer = launch.observer {
            start.asking = .init(filter: observer.askingFilter, keeping: ended.raw) { listener = $0 }
        }
        do throws(Errno) {
            command = try Namespacing.startSharingMemory(descriptors: start.asking != nil) { [start] in
                do throws(LaunchFailure) { try start.run() } catch { Self.fail(error, report) }
            }
        } catch { throw LaunchFailure(.command, errno: error.rawValue) }
        do throws(Errno) {
            // Signals to a command of another user need CAP_KILL; nothing else is kept.
            if launch.observer != nil { try ended.descriptor.send(descriptor: listener) }
            try Capabilities.drop(keeping: [.cap_kill])
            try Namespacing.setNoNewPrivileges()
            // The caller's standard descriptors are the command's; all others end here, the report pipe too.
            try Namespacing.closeStandardDescriptors()
            try Namespacing.closeDescriptors(keeping: [ended.raw])
        } catch { throw LaunchFailure(.capabilities, errno: error.rawValue) }
        Init(command: command, ended: ended).run()
    }
}
