// This process and its children: who it is, what it waits for, how it is replaced.

public import CLinux
import Glibc

/// A process id.
public typealias ProcessID = pid_t

public enum Process {
    public static var id: ProcessID { getpid() }
    public static var effectiveUser: uid_t { geteuid() }
    public static var effectiveGroup: gid_t { getegid() }
    public static var realUser: uid_t { getuid() }

    /// The bits that new files do not get (umask(2)), as /proc tells them: asking the call changes them. All bits where
    /// /proc does not tell.
    public static var fileModeMask: mode_t {
        let line = Files.text("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("Umask:") }
        return line?.split(separator: "\t").last.flatMap { mode_t($0, radix: 8) } ?? 0o777
    }

    /// Sets which bits new files do not get (umask(2)).
    /// - Returns: those that they did not get before.
    public static func setFileModeMask(_ mask: mode_t) -> mode_t { umask(mask) }

    /// The words that this process was started with: `CommandLine.arguments` mends bytes that are no UTF-8.
    public static var arguments: [String] {
        (0..<Int(CommandLine.argc)).compactMap { index in
            unsafe CommandLine.unsafeArgv[index].map { unsafe String(ofC: $0) }
        }
    }

    /// The environment as it was given, in order. Entries without `=` are left out.
    public static var environment: [(name: String, value: String)] {
        var found: [(name: String, value: String)] = []
        guard var next = unsafe sb_environ() else { return [] }
        while let entry = unsafe next.pointee {
            let text = unsafe String(ofC: entry)
            if let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) {
                found.append((String(text[..<equals]), String(text[text.index(after: equals)...])))
            }
            unsafe next += 1
        }
        return found
    }

    /// One variable of the environment, or nil.
    public static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(ofC: value)
    }

    /// The folder this process is in (getcwd(3)).
    public static func currentFolder() throws(Errno) -> String {
        guard let path = unsafe getcwd(nil, 0) else { throw Errno.current }
        defer { unsafe free(path) }
        return unsafe String(ofC: path)
    }

    public static func changeFolder(_ path: String) throws(Errno) {
        try call { unsafe chdir(path.forC) }
    }

    public static func changeFolder(to folder: borrowing Descriptor) throws(Errno) {
        let number = folder.raw
        try call { fchdir(number) }
    }

    /// The path of the running program.
    public static func ownExecutable() throws(Errno) -> String { try Files.linkTarget("/proc/self/exe") }

    /// Replaces this process (execve(2)); returns only by throwing.
    public static func replace(
        _ path: String, arguments: [String], environment: [String]? = nil
    ) throws(Errno) -> Never {
        let words = CStrings(arguments)
        if let environment {
            let variables = CStrings(environment)
            _ = unsafe execve(path.forC, words.pointer, variables.pointer)
        } else {
            _ = unsafe execve(path.forC, words.pointer, sb_environ())
        }
        throw Errno.current
    }

    /// Starts a program (posix_spawn(3)) with this process's environment and descriptors 0, 1 and 2.
    /// - Parameters:
    ///   - output: what descriptor 1 becomes, if not this process's own.
    ///   - third: what descriptor 3 becomes; without it there is none but the first three.
    /// - Throws: what kept it from being executed.
    public static func spawn(
        _ path: String, arguments: [String], environment: [String]? = nil, output: Int32? = nil,
        errorOutput: Int32? = nil, input: Int32? = nil, third: Int32? = nil
    ) throws(Errno) -> ProcessID {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        if let third { unsafe posix_spawn_file_actions_adddup2(&actions, third, 3) }
        if let input { unsafe posix_spawn_file_actions_adddup2(&actions, input, 0) }
        if let output { unsafe posix_spawn_file_actions_adddup2(&actions, output, 1) }
        if let errorOutput { unsafe posix_spawn_file_actions_adddup2(&actions, errorOutput, 2) }
        // Signals blocked for the supervisor's own waiting must not stay blocked in a program it starts.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var child: pid_t = 0
        let words = CStrings(arguments)
        let failure: Int32
        if let environment {
            let variables = CStrings(environment)
            failure = unsafe posix_spawn(&child, path.forC, &actions, &attributes, words.pointer, variables.pointer)
        } else {
            failure = unsafe posix_spawn(&child, path.forC, &actions, &attributes, words.pointer, sb_environ())
        }
        if failure != 0 { throw Errno(failure) }
        return child
    }

    /// Waits for one child and says how it ended.
    public static func wait(for child: ProcessID) throws(Errno) -> ExitStatus {
        var status: Int32 = 0
        try call { unsafe waitpid(child, &status, 0) }
        return ExitStatus(waitStatus: status)
    }

    /// Collects any child that has ended, without waiting; nil when none has (waitpid(2), WNOHANG).
    public static func reap() throws(Errno) -> (child: ProcessID, status: ExitStatus)? {
        var status: Int32 = 0
        let child = try call { unsafe waitpid(-1, &status, WNOHANG) }
        return child == 0 ? nil : (child, ExitStatus(waitStatus: status))
    }

    public static func kill(_ process: ProcessID, _ signal: Int32) {
        _ = Glibc.kill(process, signal)
    }

    /// Gives back the memory that start-up needed and waiting does not (madvise(2), MADV_DONTNEED).
    public static func releaseMemory() { sb_release_memory() }

    /// Ends this process at once, without running anything registered with atexit(3).
    public static func exit(_ status: Int32) -> Never { _exit(status) }
}

/// Programs that are loaded at the same time, each on a processor of its own: posix_spawn(3) waits for one to be executed
/// before the next is started.
public struct ProgramPair {
    private var started: [(process: ProcessID, words: CStrings, environment: CStrings)] = []

    public init() {}

    /// Starts the first or the second.
    public mutating func start(_ path: String, arguments: [String], environment: [String]) throws(Errno) {
        let words = CStrings([path] + arguments)
        let variables = CStrings(environment)
        let place = Int32(started.count)
        // The path is the first word: it lasts as long as those do.
        let process = try call {
            unsafe sb_start_beside(place, words.pointer[0], words.pointer, variables.pointer)
        }
        started.append((process, words, variables))
    }

    /// Waits for both to end.
    public consuming func wait() throws(Errno) -> [ExitStatus] {
        var statuses: [ExitStatus] = []
        for program in started { statuses.append(try Process.wait(for: program.process)) }
        return statuses
    }
}

/// How a process ended.
public enum ExitStatus: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)

    init(waitStatus: Int32) {
        self =
            sb_exited(waitStatus) != 0
            ? .exited(sb_exit_status(waitStatus)) : .signalled(sb_term_signal(waitStatus))
    }

    /// As a shell reports it: the command's own, or 128 + n for signal n.
    public var shellStatus: Int32 {
        switch self {
        case .exited(let status): status
        case .signalled(let signal): 128 + signal
        }
    }
}

/// A NULL-ended vector of C strings, as execve(2) wants it. Freed with the value.
@safe final class CStrings {
    @unsafe let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    convenience init(_ words: [String]) { self.init(bytes: words.map(\.forC)) }

    /// - Parameter bytes: words with their NUL.
    init(bytes words: [[CChar]]) {
        count = words.count
        unsafe pointer = .allocate(capacity: count + 1)
        for (index, word) in words.enumerated() { unsafe pointer[index] = strdup(word) }
        unsafe pointer[count] = nil
    }

    deinit {
        for index in 0..<count { unsafe free(pointer[index]) }
        unsafe pointer.deallocate()
    }
}
