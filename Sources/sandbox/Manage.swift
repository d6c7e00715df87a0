// The other executable: found beside this one, and started for what the launcher can't do itself.

import Launcher
import LinuxSystem
import SandboxPolicy

struct Manage {
    let installation: Installation
    let places: Places
    /// The path of this program.
    let executable: String
    let isSealed: Bool

    init() {
        var executable = "/proc/self/exe"
        do throws(Errno) { executable = try Process.ownExecutable() } catch {}
        // A sealed copy has no path; the program it is a copy of has told it its own.
        isSealed = executable.hasPrefix("/memfd:") && SealedProgram.isRunning
        if isSealed { executable = Process.arguments.first ?? "" }
        self.executable = executable
        installation = Installation(executable: executable) { Files.isAccessible($0, 0) }
        places = Places(
            home: Self.home, dataHome: Process.environment("XDG_DATA_HOME"),
            cacheHome: Process.environment("XDG_CACHE_HOME"), configHome: Process.environment("XDG_CONFIG_HOME"))
    }

    /// `HOME`, or what passwd(5) says where that is not an absolute path.
    private static var home: String {
        if let home = Process.environment("HOME"), home.hasPrefix("/") { return home }
        for line in (Files.text("/etc/passwd") ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 5, UInt32(fields[2]) == Process.realUser { return String(fields[5]) }
        }
        return "/nonexistent"
    }

    func replaceThisProcess(_ words: [String]) -> Never {
        do throws(Errno) { try Process.replace(installation.manage, arguments: words) } catch {
            Message.error("can't start \(quoted(installation.manage)): \(error); is the installation whole?")
            Process.exit(125)
        }
    }

    /// Runs one of its hidden commands to the end. Its messages go to standard error.
    /// - Throws: nothing to say where it ended badly: it has said it.
    /// - Parameter output: the descriptor that its standard output is.
    func run(_ words: [String], output: Int32 = 2) throws(RunError) {
        let status: ExitStatus
        // What it can't write it says.
        Signals.failBeyondFileSizeLimit()
        do throws(Errno) {
            let child = try Process.spawn(installation.manage, arguments: ["sandbox"] + words, output: output)
            do throws(Errno) { status = try Process.wait(for: child) } catch {
                TimeLimit.stop()
                Process.endTree(of: child)
                throw error
            }
        } catch {
            // Who started the limit says that it has passed.
            if error == .timeLimit { throw RunError.said }
            throw RunError("can't start \(quoted(installation.manage)): \(error); is the installation whole?")
        }
        if status != .exited(0) { throw RunError.said }
    }
}

/// What keeps a run from starting, said in one line.
enum RunError: Error, CustomStringConvertible {
    case message(String)
    /// A helper has said it on standard error.
    case said

    init(_ text: String) { self = .message(text) }

    var description: String {
        switch self {
        case .message(let text): text
        case .said: ""
        }
    }
}
