// The time limit before the command runs, where this process does one thing after another and some of it may wait.

import CLinux
import Glibc

/// From `start` on, a call that waits when the limit has passed, or would then, throws `Errno.timeLimit` (setitimer(2)).
/// One for the whole process.
public enum TimeLimit {
    /// - Parameter milliseconds: from now; 0 or less has passed.
    public static func start(milliseconds: Int) throws(Errno) {
        try call { sb_start_limit(Int64(max(1, milliseconds))) }
    }

    /// Whether it has passed; that stays so after `stop`.
    public static var hasPassed: Bool { sb_limit_passed() != 0 }

    /// From here on nothing is interrupted.
    public static func stop() { sb_stop_limit() }
}

extension Errno {
    /// The time limit has passed.
    public static let timeLimit = Errno(ETIME)
}

extension Process {
    /// Ends a child with all that it has started and that has not left it, and collects it. Each is stopped before its
    /// children are looked up, so that none is missed that is being made.
    public static func endTree(of child: ProcessID) {
        var known: [ProcessID] = [child]
        var seen: Set<ProcessID> = [child]
        // A stop takes a moment to arrive: twice the same list is the whole list.
        var isSame = 0
        while isSame < 2 {
            var next = 0
            let before = known.count
            while next < known.count {
                kill(known[next], SIGSTOP)
                for found in children(of: known[next]) where seen.insert(found).inserted { known.append(found) }
                next += 1
            }
            isSame = known.count == before ? isSame + 1 : 0
            usleep(2000)
        }
        for process in known.reversed() { kill(process, SIGKILL) }
        do throws(Errno) { _ = try wait(for: child) } catch {}
    }

    /// Of all threads of a process (proc_tid_children(5)); none where the kernel does not tell.
    private static func children(of process: ProcessID) -> [ProcessID] {
        let folder = "/proc/\(process)/task"
        let threads: [String]
        do throws(Errno) { threads = try Descriptor.open(folder, [.readOnly, .directory]).names() } catch { return [] }
        return threads.flatMap { thread in
            (Files.text("\(folder)/\(thread)/children") ?? "").split(separator: " ").compactMap { ProcessID($0) }
        }
    }
}
