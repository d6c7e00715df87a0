// The launch, from the parent's side: make the child in its namespaces, map its ids, learn whether the command runs,
// and look after it until it ends.

import BPF
public import LaunchPlan
import LinuxSystem
import SandboxPolicy

public struct Launch {
    let plan: LaunchPlan
    /// seccomp(2) program, or nil for none.
    let filter: [UInt8]?
    /// The command can't make calls for keys (keyctl(2)).
    var closesKeys: Bool { filter.map { FilterProgram(bytes: $0).refuses(SystemCallNumber.keys) } ?? false }
    /// Hears of system calls, which the filter then asks about.
    let observer: Observer?
    /// What the closed network refuses is to be told.
    var countsConnections: Bool { observer?.attention.isOfDenials == true && plan.hasClosedNetwork }
    /// The command's words, and where in this process's own command line the rest of them begins.
    let words: [String]
    let tail: Int?
    /// Seconds.
    let timeout: Int?
    /// When the time is over, in the milliseconds of `Clock`.
    let due: Int?
    /// The command gets a session of its own, which has nothing outside in it. Only where a shell has made a process group
    /// for this launcher alone does it stay in that, with the terminal's job control.
    let hasOwnSession = !Namespacing.leadsGroup
    /// Something of the sandbox outlives it: its mounts must be gone before this returns, for the next to use them.
    let isKept: Bool
    /// Watches over protected places, where there are any.
    let guardian: Guardian?
    /// Told at the end what the user should know.
    let say: (LastWord) -> Void

    public enum LastWord: Sendable {
        /// The time limit ended the command; seconds.
        case limit(Int)
        /// A file that output was to be added to could not be written to, and why.
        case notAdded(String)
    }

    /// - Parameter begun: what the time limit is counted from, as `Clock.milliseconds`; nil: now.
    public init(
        _ plan: LaunchPlan, filter: [UInt8]?, observer: Observer?, words: [String], tail: Int?, timeout: Int?,
        begun: Int? = nil, isKept: Bool, guardian: Guardian? = nil, say: @escaping (LastWord) -> Void
    ) {
        self.guardian = guardian
        self.isKept = isKept
        self.say = say
        self.plan = plan
        self.filter = filter
        self.observer = observer
        self.words = words
        self.tail = tail
        self.timeout = timeout
        // The command line's own work takes of it, too.
        due = timeout.map { (begun ?? Clock.milliseconds) + $0 * 1000 }
    }

    /// Runs the command to its end.
    /// - Returns: its exit status as a shell reports it, 124 where the time limit ended it.
    /// - Throws: what kept it from starting; then nothing of the sandbox is left.
    public func run() throws(LaunchFailure) -> Int32 {
        Signals.blockSupervised()
        var report: PipeEnds
        // Its writing end is held open while this process lives: its closing tells the child that the launcher is gone.
        var gate: PipeEnds
        // Brings the command's status before the namespaces are taken down, where nobody needs to wait for that.
        var ended: PipeEnds
        let signals: SignalQueue
        var appended: AppendedFiles
        let files = StandardFiles(plan.identity)
        let group = hasOwnSession ? nil : SchedulingGroup()
        // Made before there are two processes: what the language's runtime does for it is done once, and is there in both.
        let walker = StepWalker(plan)
        let child: ProcessID
        do throws(Errno) {
            report = try PipeEnds()
            gate = try PipeEnds()
            ended = try PipeEnds(carriesDescriptors: observer != nil)
            signals = try SignalQueue()
            appended = try AppendedFiles()
            child = try Namespacing.cloneProcess(plan.cloneFlags)
        } catch {
            throw LaunchFailure(.namespaces, errno: error.rawValue)
        }
        if child == 0 {
            Child(
                launch: self, gate: gate.keepReader(), report: report.keepWriter(), ended: ended.keepWriter(),
                appended: appended
            ).run(walker)
        }
        guardian?.sandboxBegan(child)
        let status = ended.keepReader()
        let failure = report.keepReader()
        let alive = gate.keepWriter()
        var network: UserNetwork?
        defer { network?.stop() }
        let listener: SystemCallListener?
        let counters: NetworkCounters?
        let members: Members?
        let appending: [Appending]
        do throws(LaunchFailure) {
            do throws(Errno) {
                appending = try appended.keepReaders()
                members = timeout != nil || files.canBeGivenAway ? try Members(of: child) : nil
            } catch { throw LaunchFailure(.namespaces, errno: error.rawValue) }
            try IdentityWriter.write(plan.identity, of: child)
            if let pasta = plan.pasta { network = try UserNetwork.start(pasta, for: child) }
            if plan.identity.writer != .child {
                do throws(Errno) { try alive.descriptor.write([1]) } catch {
                    throw LaunchFailure(.identity, errno: error.rawValue)
                }
            }
            try Self.awaitStart(failure.descriptor)
            do throws(Errno) {
                counters = countsConnections ? try NetworkCounters(receivedBy: status.descriptor) : nil
                listener = observer == nil ? nil : try Self.listener(from: status.descriptor)
            } catch {
                throw LaunchFailure(.namespaces, errno: error.rawValue)
            }
        } catch {
            Process.kill(child, Signal.kill)
            Self.collect(child)
            // A child that has ended makes what the launcher does for it fail too: its own word is the cause.
            try Self.awaitStart(failure.descriptor)
            throw error
        }
        if timeout != nil { Namespacing.preferShortTurns() }
        let ending = withExtendedLifetime(alive) {
            var supervisor = Supervisor(
                child: child, status: status, due: due, hasOwnSession: hasOwnSession, waitsForInit: isKept,
                members: members, wakening: Wakening(status, signals, listener, inputs: appending.compactMap(\.reader)),
                appending: appending,
                answer: { if let listener { observer?.answer(listener) } })
            return supervisor.run()
        }
        if let counters { observer?.add(counters.counts) }
        for file in appending { file.passRest() }
        files.restore(members)
        group?.restore()
        // Said when all is over: what it is said to may be stopped, or full, or nobody's.
        let failures = appending.compactMap(\.failure)
        if ending == .limit || !failures.isEmpty { Signals.prepareLastWords() }
        if ending == .limit { say(.limit(timeout ?? 0)) }
        for failure in failures { say(.notAdded(failure.description)) }
        return ending.status
    }

    /// Blocks until the report pipe closes, as it does when the command has been executed.
    private static func awaitStart(_ report: borrowing Descriptor) throws(LaunchFailure) {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try report.readAll(limit: 64 * 1024) } catch { return }
        if let failure = LaunchFailure(encoded: bytes) { throw failure }
    }

    /// What init hands over as soon as the command runs; nil where it has ended before.
    private static func listener(from initProcess: borrowing Descriptor) throws(Errno) -> SystemCallListener? {
        guard let received = try initProcess.receiveDescriptor() else { return nil }
        return SystemCallListener(SharedDescriptor(received))
    }

    private static func collect(_ child: ProcessID) {
        do throws(Errno) { _ = try Process.wait(for: child) } catch {}
    }
}

extension LaunchPlan {
    /// The CLONE_NEW… flags of clone(2). A network namespace takes longest, and is made by a step of its own; but pasta has
    /// to find it before the steps begin.
    var cloneFlags: UInt64 { namespaces.cloneFlags | (pasta == nil ? 0 : 0x4000_0000) }
}

extension Namespaces {
    fileprivate var cloneFlags: UInt64 {
        var flags: UInt64 = 0
        if contains(.user) { flags |= 0x1000_0000 }
        if contains(.mount) { flags |= 0x0002_0000 }
        if contains(.processes) { flags |= 0x2000_0000 }
        if contains(.hostName) { flags |= 0x0400_0000 }
        if contains(.ipc) { flags |= 0x0800_0000 }
        if contains(.cgroup) { flags |= 0x0200_0000 }
        return flags
    }
}
