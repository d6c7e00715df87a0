// Our own words: one line each on standard error. Standard output belongs to the command.

import LinuxSystem
import SandboxPolicy

enum Message {
    static func error(_ text: String) { say(text) }

    static func say(_ text: String) {
        do throws(Errno) {
            try Descriptor.standardError(Array("sandbox: \(escaped(text, keepingLines: true))\n".utf8))
        } catch {}
    }

    /// Nothing of it where standard error takes nothing: what says it must end whatever becomes of that.
    static func sayUnlessItWaits(_ text: String) {
        do throws(Errno) {
            try Descriptor.standardErrorUnlessItWaits(Array("sandbox: \(escaped(text))\n".utf8))
        } catch {}
    }

    static func print(_ text: String) {
        do throws(Errno) { try Descriptor.standardOutput(Array(text.utf8)) } catch {}
    }
}
