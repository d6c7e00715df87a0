// The last stretch before execve(2): who the command is, where it stands, what it may still do.

import LaunchPlan
import LinuxSystem
import SandboxPolicy

struct CommandStart {
    let execution: Execution
    let filter: [UInt8]?
    let words: ProgramWords
    /// The descriptor of the pipe that a failure is written to.
    let report: Int32
    /// Not the caller's session, nor init's: what a session's members do to each other (setpriority(2), kill(2),
    /// /proc/self/autogroup) reaches neither.
    let hasOwnSession: Bool
    /// A filter that asks, to be installed instead, where somebody is to hear of system calls.
    var asking: Asking?

    struct Asking {
        let filter: [UInt8]
        /// This process's descriptors are init's too, and this is one that init needs.
        let keeping: Int32
        /// Told where the questions come in, which init finds at that number.
        let told: (Int32) -> Void
    }

    /// Runs the command, or throws what kept it from running.
    func run() throws(LaunchFailure) -> Never {
        // The image lays out what is opened from here on: nothing of the host may still be open beside it.
        do throws(Errno) {
            if hasOwnSession { try Namespacing.startSession() }
            try Namespacing.closeDescriptors(keeping: report, asking?.keeping)
        } catch {
            throw LaunchFailure(.workdir, errno: error.rawValue)
        }
        let root: Descriptor
        do throws(Errno) { root = try Descriptor.open("/", [.path, .directory]) } catch {
            throw LaunchFailure(.workdir, errno: error.rawValue)
        }
        // The command's own user may not see all the places of the rules.
        let wall: LandlockWall? =
            if let rules = execution.landlock { try LandlockWall.make(rules, root: root) } else { nil }
        let account = try Self.account(execution.user)
        try takeIdentity(account)
        do throws(Errno) {
            try Process.changeFolder(to: root.openInRoot(execution.workdir, [.path, .directory]))
        } catch { throw LaunchFailure(.workdir, errno: error.rawValue) }
        var environment = execution.environment
        if !environment.contains(where: { $0.name == "HOME" }) { environment.append(("HOME", account.home)) }
        Signals.restoreDefaults()
        // The last before the execution: nobody hears yet of calls that the filter asks about.
        try giveUpRights(isRoot: account.uid == 0, wall)
        throw execute(environment)
    }

    private static func account(_ user: UserChoice?) throws(LaunchFailure) -> Account {
        guard let user else { return Account(uid: 0, gid: 0, groups: [], home: "/root") }
        return try Account.find(user)
    }

    private func takeIdentity(_ account: Account) throws(LaunchFailure) {
        do throws(Errno) {
            try Capabilities.dropBounding(Init.capabilities.subtracting(execution.capabilities))
            if execution.ownUserNamespace {
                try Namespacing.unshare(0x1000_0000)  // CLONE_NEWUSER
                // Its /proc files belong to it only while it is dumpable; nothing else runs in here yet.
                try Namespacing.setDumpable(true)
                defer { do throws(Errno) { try Namespacing.setDumpable(false) } catch {} }
                try Files.write("/proc/self/uid_map", "\(account.uid) 0 1")
                try Files.write("/proc/self/setgroups", "deny")
                try Files.write("/proc/self/gid_map", "\(account.gid) 0 1")
                return
            }
            if execution.user == nil { return }
            try Namespacing.setGroups(account.groups)
            try Namespacing.setGroup(account.gid)
            try Namespacing.setUser(account.uid)
        } catch { throw LaunchFailure(.user, errno: error.rawValue) }
    }

    private func giveUpRights(isRoot: Bool, _ wall: consuming LandlockWall?) throws(LaunchFailure) {
        do throws(Errno) {
            // Only id 0 keeps capabilities over execve(2): none is ever made inheritable.
            if execution.ownUserNamespace { try Capabilities.limitBounding(to: execution.capabilities) }
            try Capabilities.drop(keeping: isRoot ? execution.capabilities : [])
            try Namespacing.setNoNewPrivileges()
            try Namespacing.closeOnExecute(from: 3)
            // The command finds an init that has nothing left but what it needs.
            try Namespacing.awaitParentsRights()
        } catch { throw LaunchFailure(.capabilities, errno: error.rawValue) }
        // Before the filter, which may refuse its calls.
        try wall?.close()
        do throws(Errno) {
            if let asking {
                do throws(Errno) {
                    return asking.told(try Namespacing.installAskingFilter(asking.filter))
                } catch .busy {}  // Somebody hears of this process's calls already, and the kernel has room for one.
            }
            if let filter { try Namespacing.installFilter(filter) }
        } catch {
            throw LaunchFailure(.filter, errno: error.rawValue)
        }
    }

    /// Looks for `name` as execvp(3) does, and executes it.
    private func execute(_ environment: [(name: String, value: String)]) -> LaunchFailure {
        let name = execution.command[0]
        var candidates = [name]
        if !name.contains("/") {
            let path = environment.last { $0.name == "PATH" }?.value ?? ""
            candidates = path.split(separator: ":", omittingEmptySubsequences: false).map {
                ($0.isEmpty ? "." : String($0)) + "/" + name
            }
        }
        var found: LaunchFailure?
        if name.isEmpty { return LaunchFailure(.command, errno: Errno.noEntry.rawValue) }
        words.execute(candidates, environment: environment.map { $0.name + "=" + $0.value }) { candidate, errno in
            let failure = Self.failure(errno, candidate)
            // One that is there but can't be run is told of, where no other can be run.
            if failure.object.isEmpty { return false }
            found = found ?? failure
            return errno != .access
        }
        return found ?? LaunchFailure(.command, errno: Errno.noEntry.rawValue)
    }

    /// - Returns: a failure that names `path` where there is such a file.
    private static func failure(_ errno: Errno, _ path: String) -> LaunchFailure {
        do throws(Errno) {
            let status = try FileStatus.of(path)
            if status.kind == .directory {
                return LaunchFailure(.command, errno: Errno.isDirectory.rawValue, object: path)
            }
            return LaunchFailure(.command, errno: errno.rawValue, object: path)
        } catch { return LaunchFailure(.command, errno: errno == .access ? errno.rawValue : Errno.noEntry.rawValue) }
    }
}
