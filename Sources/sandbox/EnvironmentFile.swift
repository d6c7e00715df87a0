// --env-file: NAME=VALUE or NAME on each line, `#` begins a comment line, as docker run reads it.

import LinuxSystem
import SandboxPolicy

enum EnvironmentFile {
    /// Bytes: all variables of a program are shorter (execve(2)).
    private static let limit = 1 << 20

    static func settings(_ setting: Setting) throws -> [Setting] {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try Files.read(setting.value, limit: limit, acceptingPipe: setting.origin == .commandLine)
        } catch {
            let hint =
                switch error {
                case .notRegular: "; copy it to a file, or write --env-file <(COMMAND)"
                case .tooBig: "; it may have \(limit) bytes at most"
                default: ""
                }
            throw RunError("--env-file \(quoted(setting.value)): \(error)\(hint)")
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            guard let first = line.first(where: { $0 != " " }), first != "#" else { return nil }
            return Setting(.env, String(line), setting.origin)
        }
    }
}
