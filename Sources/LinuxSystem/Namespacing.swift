// New namespaces, identities in them, and the one-way doors before execve(2).

public import CLinux
import Glibc

public enum Namespacing {
    /// Goes on as two processes, the child in the new namespaces of `flags` (CLONE_NEW…, clone(2)).
    /// - Returns: the child's id, or 0 in the child.
    public static func cloneProcess(_ flags: UInt64) throws(Errno) -> ProcessID {
        try call { sb_clone3(flags, nil) }
    }

    /// Starts a child that runs `body` in this process's memory while this process waits for it to execute a program or
    /// to end (clone(2), CLONE_VM). What the child changes in memory stays changed.
    ///
    /// Meanwhile this process gives up all capabilities but `kept`, and the gaining of new ones, and begins a session of
    /// its own. Before it executes a program, the child calls `awaitParentsRights`.
    /// - Parameters:
    ///   - kept: bits of capabilities(7).
    ///   - bounding: bits that the bounding set has beside those.
    ///   - descriptors: what the child opens and closes before it executes a program, this process has opened
    ///     and closed too (CLONE_FILES); execve(2) parts them.
    public static func startCommand(
        keeping kept: UInt64, of bounding: UInt64, sharingDescriptors descriptors: Bool, _ body: @escaping () -> Never
    ) throws(Errno) -> ProcessID {
        final class Body {
            let run: () -> Never
            init(_ run: @escaping () -> Never) { self.run = run }
        }
        let held = unsafe Unmanaged.passRetained(Body(body))
        defer { unsafe held.release() }
        return try call {
            unsafe sb_start_command(
                { context in
                    guard let context = unsafe context else { Process.exit(125) }
                    unsafe Unmanaged<Body>.fromOpaque(context).takeUnretainedValue().run()
                }, held.toOpaque(), descriptors ? 1 : 0, sb_rights(capabilities: kept, bounding: bounding))
        }
    }

    /// In a child of `startCommand`: waits until the parent has given up its rights.
    /// - Throws: what kept it from that.
    public static func awaitParentsRights() throws(Errno) { try call { sb_await_rights() } }

    /// This process gets its turns sooner, and short ones, however many others want a processor (sched_setattr(2)). That
    /// is no right, and no promise: a kernel that does not know it, or lets nobody ask, does without.
    public static func preferShortTurns() { _ = sb_shorten_slice() }

    public static func unshare(_ flags: Int32) throws(Errno) {
        try call { sb_unshare(flags) }
    }

    /// Goes over to the namespace that this file of proc(5), `ns`, stands for (setns(2)).
    public static func enter(_ namespace: borrowing Descriptor) throws(Errno) {
        let number = namespace.raw
        try call { sb_setns(number, 0) }
    }

    /// Makes all user ids of this process `id` (setresuid(2)).
    public static func setUser(_ id: uid_t) throws(Errno) { try call { sb_setresuid(id) } }
    public static func setGroup(_ id: gid_t) throws(Errno) { try call { sb_setresgid(id) } }
    public static func setGroups(_ ids: [gid_t]) throws(Errno) { try call { unsafe sb_setgroups(ids.count, ids) } }

    public static func setHostName(_ name: String) throws(Errno) {
        try call { unsafe sethostname(name, name.utf8.count) }
    }

    /// Has a process beside this one make a network namespace with its loopback up, which takes a third of a launch.
    /// - Returns: what `enterNetwork` waits for.
    public static func beginNetwork() throws(Errno) -> ProcessID { try call { sb_begin_network() } }

    /// Enters the namespace that `beginNetwork` had made.
    public static func enterNetwork(from process: ProcessID) throws(Errno) { try call { sb_enter_network(process) } }

    /// Closes every descriptor from `first` on (close_range(2)).
    public static func closeDescriptors(from first: UInt32) throws(Errno) {
        try call { close_range(first, UInt32.max, 0) }
    }
    /// Closes descriptors 0, 1 and 2.
    public static func closeStandardDescriptors() throws(Errno) { try call { close_range(0, 2, 0) } }
    /// Closes every descriptor but 0, 1, 2 and these (close_range(2)). None of them needs to be open, or there at all.
    public static func closeDescriptors(
        keeping one: Int32, _ two: Int32? = nil, _ three: Int32? = nil, _ four: Int32? = nil
    ) throws(Errno) {
        // No array: in a new process the runtime takes 0.1 ms to put the first one's type together.
        let kept: InlineArray<4, Int32> = [one, two ?? -1, three ?? -1, four ?? -1]
        var first: Int32 = 3
        while true {
            var next = Int32.max
            for index in kept.indices where kept[index] >= first { next = min(next, kept[index]) }
            if next == .max { return try closeDescriptors(from: UInt32(first)) }
            if next > first {
                let (from, to) = (UInt32(first), UInt32(next - 1))
                try call { close_range(from, to, 0) }
            }
            first = next + 1
        }
    }
    /// Every descriptor from `first` on is closed when a program is executed.
    public static func closeOnExecute(from first: UInt32) throws(Errno) {
        try call { close_range(first, UInt32.max, Int32(CLOSE_RANGE_CLOEXEC)) }
    }

    /// Starts a session of its own, in which this process and its children are one process group (setsid(2)).
    public static func startSession() throws(Errno) { try call { setsid() } }

    /// Whether this process leads its process group, as a shell with job control has it.
    public static var leadsGroup: Bool { getpgrp() == getpid() }

    /// The signal this process gets when its parent ends (PR_SET_PDEATHSIG(2const)).
    public static func setParentDeathSignal(_ signal: Int32) throws(Errno) {
        try call { sb_prctl(PR_SET_PDEATHSIG, UInt(signal), 0) }
    }

    /// Whether other processes of the same user may look into this one through proc(5) and ptrace(2).
    public static func setDumpable(_ dumpable: Bool) throws(Errno) {
        try call { sb_prctl(PR_SET_DUMPABLE, dumpable ? 1 : 0, 0) }
    }

    /// Empties the ambient set (PR_CAP_AMBIENT(2const)).
    public static func clearAmbientCapabilities() throws(Errno) {
        try call { sb_prctl(PR_CAP_AMBIENT, UInt(PR_CAP_AMBIENT_CLEAR_ALL), 0) }
    }

    /// No program executed from here on gains rights by set-id bits or file capabilities.
    public static func setNoNewPrivileges() throws(Errno) {
        try call { sb_prctl(PR_SET_NO_NEW_PRIVS, 1, 0) }
    }

    /// Whether that has been said of this process (PR_GET_NO_NEW_PRIVS(2const)).
    public static var hasNoNewPrivileges: Bool { sb_prctl(PR_GET_NO_NEW_PRIVS, 0, 0) == 1 }

    /// Installs a seccomp filter: `program` holds `struct sock_filter`s, 8 bytes each (seccomp(2)).
    public static func installFilter(_ program: [UInt8]) throws(Errno) {
        _ = unsafe try install(program, sb_seccomp_load)
    }

    /// The same, of a filter that asks a supervisor.
    /// - Returns: the number of the descriptor that its questions come in by; open, close-on-exec, owned by nobody yet.
    public static func installAskingFilter(_ program: [UInt8]) throws(Errno) -> Int32 {
        unsafe try install(program, sb_seccomp_listen)
    }

    private static func install(
        _ program: [UInt8], _ load: (UInt16, UnsafePointer<sock_filter>?) -> Int32
    ) throws(Errno) -> Int32 {
        guard !program.isEmpty, program.count % 8 == 0, program.count / 8 <= 4096 else { throw Errno.invalid }
        return try call {
            unsafe program.withUnsafeBytes { bytes in
                unsafe load(UInt16(bytes.count / 8), bytes.baseAddress?.assumingMemoryBound(to: sock_filter.self))
            }
        }
    }

    /// True where the other end of this pipe is closed.
    public static func isHungUp(_ pipe: borrowing Descriptor) -> Bool {
        var entry = pollfd(fd: pipe.raw, events: 0, revents: 0)
        return unsafe poll(&entry, 1, 0) == 1 && entry.revents & Int16(POLLHUP) != 0
    }
}

/// A command's words as their bytes were given.
public struct ProgramWords {
    private let arguments: CStrings

    /// - Parameter tail: words of this process's own command line, from `unsafeArgv[index]` on, byte for byte.
    public init(_ words: [String], tail: Int?) {
        var given: [[CChar]] = words.map(\.forC)
        if let tail {
            var index = tail
            while index < Int(CommandLine.argc), let word = unsafe CommandLine.unsafeArgv[index] {
                given.append(unsafe Array(UnsafeBufferPointer(start: word, count: strlen(word) + 1)))
                index += 1
            }
        }
        arguments = CStrings(bytes: given)
    }

    func execute(descriptor: Int32) -> Errno {
        _ = unsafe sb_execute_descriptor(descriptor, arguments.pointer)
        return Errno.current
    }

    /// Executes the program at the first of `paths` that can be (execve(2)).
    /// - Parameter failed: called with each path that could not be; true ends the search.
    public func execute(_ paths: [String], environment: [String], failed: (String, Errno) -> Bool) {
        let environment = CStrings(environment)
        for path in paths {
            _ = unsafe execve(path.forC, arguments.pointer, environment.pointer)
            if failed(path, Errno.current) { return }
        }
    }
}

/// What ps(1) and /proc/PID/cmdline show of this process.
public enum OwnCommandLine {
    /// Overwrites all words of the command line, in place.
    public static func replace(with text: String) {
        let count = Int(CommandLine.argc)
        guard count > 0, let first = unsafe CommandLine.unsafeArgv[0],
            let last = unsafe CommandLine.unsafeArgv[count - 1]
        else { return }
        // The words lie one behind the other (proc(5), /proc/pid/cmdline).
        let size = unsafe last - first + strlen(last)
        unsafe memset(first, 0, size)
        _ = unsafe text.withCString { unsafe memcpy(first, $0, min(strlen($0), size)) }
    }
}

/// What uname(2) says of the kernel's version.
public enum Kernel {
    public static var version: (major: Int, minor: Int) {
        let release = unsafe String(cString: sb_kernel_release())
        var numbers = (major: 0, minor: 0)
        var dots = 0
        for byte in release.utf8 {
            if byte == UInt8(ascii: "."), dots == 0 {
                dots = 1
            } else if (48...57).contains(byte) {
                if dots == 0 {
                    numbers.major = numbers.major * 10 + Int(byte - 48)
                } else {
                    numbers.minor = numbers.minor * 10 + Int(byte - 48)
                }
            } else {
                break
            }
        }
        return numbers
    }
}
