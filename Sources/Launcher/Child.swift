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
    let appended: AppendedFiles

    func run(_ walker: consuming StepWalker) -> Never {
        do throws(LaunchFailure) {
            try leaveTheCaller()
            try leaveTheCallersKeys()
            try walk(walker)
            try beWatched()
            try dieWithLauncher()
            try start()
        } catch {
            Self.fail(error, report)
        }
    }

    private func walk(_ walker: consuming StepWalker) throws(LaunchFailure) {
        // What is made here has the mode that its step names; the command gets the caller's mask.
        let mask = Process.setFileModeMask(0)
        defer { _ = Process.setFileModeMask(mask) }
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

    /// What the caller has open stays outside. Its session is left later, where that holds nothing up.
    private func leaveTheCaller() throws(LaunchFailure) {
        do throws(Errno) {
            try appended.handOver()
            try Namespacing.closeDescriptors(
                keeping: gate.raw, report.raw, ended.raw, launch.guardian?.childsDescriptor)
        } catch { throw LaunchFailure(.namespaces, errno: error.rawValue) }
    }

    /// Keys that whoever logged in left for the programs started then are not the sandbox's (session-keyring(7)).
    private func leaveTheCallersKeys() throws(LaunchFailure) {
        do throws(Errno) {
            // Where the user has no room for another keyring, a filter that closes the calls for keys is enough.
            if case .tooMany = try SessionKeyring.joinNew(), !launch.closesKeys { throw Errno.quota }
        } catch { throw LaunchFailure(.keyring, errno: error.rawValue) }
    }

    /// The command does not start before somebody sees to what is protected.
    private func beWatched() throws(LaunchFailure) {
        do throws(Errno) { try launch.guardian?.waitUntilWatched() } catch {
            throw LaunchFailure(.namespaces, errno: error.rawValue)
        }
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
            execution: launch.plan.execution, filter: launch.filter, words: words, report: report.raw,
            hasOwnSession: launch.hasOwnSession)
        if let observer = launch.observer {
            start.asking = .init(filter: observer.askingFilter, keeping: ended.raw) { listener = $0 }
        }
        do throws(Errno) {
            if launch.countsConnections { try NetworkCounters.send(by: ended.descriptor) }
        } catch { throw LaunchFailure(.observing, errno: error.rawValue) }
        do throws(Errno) {
            // What neither this process nor the command may have is given up once, for both.
            try Capabilities.limitBounding(to: launch.plan.execution.capabilities.union(Init.capabilities))
            command = try Namespacing.startCommand(
                keeping: Init.capabilities.bits, of: launch.plan.execution.capabilities.bits,
                sharingDescriptors: start.asking != nil
            ) { [start] in
                do throws(LaunchFailure) { try start.run() } catch { Self.fail(error, report) }
            }
        } catch { throw LaunchFailure(.command, errno: error.rawValue) }
        do throws(Errno) {
            if launch.observer != nil { try ended.descriptor.send(descriptor: listener) }
        } catch { throw LaunchFailure(.observing, errno: error.rawValue) }
        do throws(Errno) {
            // The caller's standard descriptors are the command's; all others end here, the report pipe too.
            try Namespacing.closeStandardDescriptors()
            try Namespacing.closeDescriptors(keeping: ended.raw)
        } catch { throw LaunchFailure(.capabilities, errno: error.rawValue) }
        Namespacing.preferShortTurns()
        var own = Init(command: command, ended: ended, due: launch.due)
        own.run()
    }
}
