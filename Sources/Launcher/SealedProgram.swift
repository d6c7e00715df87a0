// The running program as a file that nobody can write.
//
// Between its last look and execve(2) the command's process still is this program, and `#!/proc/self/exe` in an image
// makes the kernel run it inside. Where the user owns the file, a process inside, as id 0, could then write it and so
// reach outside at the next start. From a sealed copy in memory (memfd_create(2)) it can't.

public import LinuxSystem

public enum SealedProgram {
    /// Goes on as a sealed copy where this user could write the program's own file; returns where that need not be.
    /// - Parameter executable: this program's path, which the copy is told as its first word.
    public static func replaceThisProcess(_ executable: String) throws(Errno) {
        let file = try FileStatus.of("/proc/self/exe")
        guard file.owner == Process.effectiveUser || Files.isAccessible("/proc/self/exe", 2) else { return }
        Signals.failBeyondFileSizeLimit()
        let copy = try Descriptor.sealedCopy(of: "/proc/self/exe", name: "sandbox")
        Signals.restoreFileSizeLimit()
        throw copy.execute(firstWord: executable)
    }

    /// Whether this process is such a copy.
    public static var isRunning: Bool { Descriptor.isSealed("/proc/self/exe") }
}
