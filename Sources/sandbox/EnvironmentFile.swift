// --env-file: NAME=VALUE or NAME on each line, `#` begins a comment line, as docker run reads it; and lines of a shell's,
// `export NAME=VALUE`, whose quotes are the shell's.

import ByteText
import Launcher
import LinuxSystem
import SandboxPolicy

enum EnvironmentFile {
    /// Bytes: all variables of a program are shorter (execve(2)).
    private static let limit = 1 << 20

    /// `--env-file -`: what is written there goes to the variables, and the command finds its end.
    static func isStandardInput(_ setting: Setting) -> Bool {
        setting.option == .envFile && setting.value == "-" && setting.origin == .commandLine
    }

    /// - Throws: also where a file that a sandbox could write names a variable without a value: what the caller's own are
    ///   is not for a sandbox or a project to choose from.
    static func settings(_ setting: Setting, _ paths: HostPaths) throws -> [Setting] {
        let what = HostPaths.what(.envFile, setting.value)
        if isStandardInput(setting) { return try settings(setting, what, Self.standardInput(what), nil, nil) }
        let (path, bytes) = try content(setting, what, paths)
        let folder = setting.origin == .commandLine ? try paths.shownFolder(of: path) : nil
        let stranger = setting.origin == .commandLine ? FileStatus.stranger(of: path.place) : nil
        let isProjects = setting.origin != .commandLine && paths.trustedTexts[setting.value] != nil
        return try settings(setting, what, bytes, folder, stranger, isProjects: isProjects)
    }

    private static func standardInput(_ what: String) throws -> [UInt8] {
        do throws(Errno) { return try Descriptor.duplicate(of: 0).readAll(limit: limit) } catch {
            throw RunError("\(what): can't read standard input: \(error)")
        }
    }

    /// - Parameters: `folder` that a sandbox could write, `stranger` who could write the file, `isProjects`: it came with
    ///   a project.
    private static func settings(
        _ setting: Setting, _ what: String, _ bytes: [UInt8], _ folder: String?, _ stranger: String?,
        isProjects: Bool = false
    ) throws -> [Setting] {
        // A mark that some editors begin a file with (RFC 3629, section 6).
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        let text = bytes.starts(with: mark) ? bytes.dropFirst(3) : bytes[...]
        return try text.split(separator: UInt8(ascii: "\n")).compactMap { bytes -> Setting? in
            // Written on another system, a line ends with a carriage return.
            let written = ByteText.text(bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes)
            let trimmed = String(written.drop { $0 == " " || $0 == "\t" })
            guard let first = trimmed.first, first != "#" else { return nil }
            let line: String
            do throws(VariableLine.Mistake) { line = try VariableLine.setting(trimmed) } catch {
                throw RunError("\(what): \(quoted(trimmed)) \(error.why)")
            }
            if isProjects, !line.contains("=") {
                throw PathRefusal(
                    "\(what), which the project's profile names: \(quoted(line)) hands on a variable of yours; if you want "
                        + "that, say --env \(escaped(line)) and take the line out")
            }
            if let folder, !line.contains("=") {
                throw PathRefusal(
                    "\(what): \(quoted(line)) hands on a variable of yours, and a sandbox could write this file, in "
                        + "\(quoted(folder)); if you want that, say --env \(escaped(line)) and take the line out"
                )
            }
            if let stranger, !line.contains("=") {
                throw PathRefusal(
                    "\(what) \(stranger), and \(quoted(line)) hands on a variable of yours; if you want that, say "
                        + "--env \(escaped(line)) and take the line out")
            }
            return Setting(.env, line, setting.origin)
        }
    }

    private static func content(
        _ setting: Setting, _ what: String, _ paths: HostPaths
    ) throws -> (path: HostPath, bytes: [UInt8]) {
        do throws(any Error) {
            let path = try paths.resolve(setting.value, what)
            if let text = paths.trustedTexts[setting.value], setting.origin != .commandLine { return (path, text) }
            guard let file = path.file, path.status?.kind == .regular else {
                let isOwn = setting.origin == .commandLine
                return (path, try Files.read(setting.value, limit: limit, acceptingPipe: isOwn))
            }
            let opened = try file.descriptor.reopened([.readOnly, .nonBlocking, .noControllingTerminal])
            return (path, try opened.readAll(limit: limit))
        } catch let error as Errno {
            let hint =
                switch error {
                case .notRegular: "; copy it to a file, or write --env-file <(COMMAND)"
                case .tooBig: "; it may have \(limit) bytes at most"
                default: ""
                }
            throw RunError("\(what): \(error)\(hint)")
        }
    }
}
