// What is remembered of a run, where, and who tells it.

import LaunchPlan
import Launcher
import LinuxSystem
import Observations
import SandboxPolicy

/// A run that is watched: for `--report-denied`, or to learn a profile from it.
struct Observing {
    let observer: Observer
    private let policy: Policy
    private let manage: Manage
    private let folder: String
    /// Where the record goes: a file of the cache, or what whoever learns has opened before anything ran.
    private let file: String
    private static let learnersDescriptor: Int32 = 3
    private let isLearning: Bool
    /// Where the report is added. Opened before the command could turn the way there.
    private var output: SharedDescriptor?

    /// nil where nothing is to be watched.
    /// - Parameter foreign: where the root file system holds much that is not the sandbox's own: the ids that are.
    init?(
        _ verb: Verb, _ policy: Policy, _ filter: [UInt8]?, foreign: [IDRange]?, _ manage: Manage, _ paths: HostPaths
    ) throws {
        isLearning = verb == .learn
        guard isLearning || policy.report != .none else { return nil }
        self.policy = policy
        self.manage = manage
        folder = try Process.currentFolder()
        file = manage.places.denials(of: folder)
        if isLearning {
            do throws(Errno) {
                try Descriptor.closeOnExecute(Self.learnersDescriptor)
                // Whoever learns does not leave the command behind.
                try Namespacing.setParentDeathSignal(15)
            } catch {
                throw UsageError("__learn is for `sandbox profile learn`, which opens descriptor 3 for it")
            }
        } else {
            // What an earlier run was refused is no longer the last.
            do throws(Errno) { try Files.remove(file) } catch {}
        }
        if case .json(let name?) = policy.report { output = try Self.openOutput(name, paths) }
        let isNetworkClosed = policy.network == .none
        let hasReadOnlyPlaces =
            policy.readOnly || policy.binds.contains(where: \.readOnly) || !policy.masks.isEmpty
            || !policy.protected.isEmpty
        guard isLearning || filter != nil || isNetworkClosed || hasReadOnlyPlaces || foreign != nil else { return nil }
        let attention: Observer.Attention =
            isLearning ? .all : .denials(hasReadOnlyPlaces: hasReadOnlyPlaces, owners: foreign)
        guard let observer = Observer(attention, filter: filter) else {
            Message.say("the system call filter is too long to be asked about; what it refuses is not reported")
            return nil
        }
        self.observer = observer
    }

    private static func openOutput(_ name: String, _ paths: HostPaths) throws -> SharedDescriptor {
        do throws(any Error) {
            let path = try paths.resolve(name, HostPaths.what(.reportDenied, "json:" + name), mayBeMissing: true)
            return SharedDescriptor(
                try Descriptor.open(
                    path.place, [.writeOnly, .create, .append, .noFollow, .nonBlocking, .noControllingTerminal],
                    mode: 0o600))
        } catch let error as Errno { throw RunError("--report-denied: can't add to \(quoted(name)): \(error)") }
    }

    /// Writes down what was seen, and says it.
    /// - Parameter command: ROOTFS and the command's words.
    /// - Returns: whether that was possible.
    func tell(_ command: [String]) -> Bool {
        let seen = observer.seen
        guard isLearning || !seen.isEmpty else { return true }
        let record = ObservationRecord(
            folder: folder, time: Clock.secondsSince1970, command: command,
            filter: Store(manage).filterFile(policy) ?? "", settings: policy.settings, seen: seen,
            unlisted: observer.unlisted)
        do throws(Errno) {
            if isLearning {
                try Descriptor(owning: Self.learnersDescriptor).write(record.encoded)
                return true
            }
            try Files.replaceMakingFolders(file, with: record.encoded)
        } catch {
            Message.error("can't keep what was \(isLearning ? "seen" : "refused in \(quoted(file))"): \(error)")
            return false
        }
        if policy.quiet { return true }
        // The command is over: from here on a signal ends this process as any other.
        Signals.unblockEnding()
        do throws(RunError) {
            if case .json = policy.report {
                try manage.run(["__report", file, "--format", "json"], output: output?.raw ?? 2)
            } else {
                try manage.run(["__report", file])
            }
        } catch { return false }
        return true
    }
}
