// --env-file: NAME=VALUE or NAME on each line, `#` begins a comment line, as docker run reads it.

import LinuxSystem
import SandboxPolicy

enum EnvironmentFile {
    static func settings(_ setting: Setting) throws -> [Setting] {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try Files.read(setting.value, limit: 1 << 20) } catch {
            throw RunError("--env-file \(quoted(setting.value)): \(error)")
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            guard let first = line.first(where: { $0 != " " }), first != "#" else { return nil }
            return Setting(.env, String(line), setting.origin)
        }
    }
}
