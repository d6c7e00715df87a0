// `sandbox shell [ROOTFS] [COMMAND…]`: which of the two the first word is.

import LinuxSystem
import SandboxPolicy

enum ShellWords {
    /// Leaves ROOTFS, or nothing, as the line's subject.
    static func settle(_ line: inout CommandWords, _ words: [String], _ places: Places) {
        guard let subject = line.subject, let start = line.subjectStart else { return }
        let isCommand = start > 0 && words[start - 1] == "--"
        if !isCommand, isRoot(subject, places) { return }
        line.commandStart = start
        line.subject = nil
    }

    /// A word that can be nothing else: what was a command before is one still, whatever images come and go.
    private static func isRoot(_ word: String, _ places: Places) -> Bool {
        if word == "host" || LayoutKind(of: word) != nil { return true }
        if word.hasPrefix("/") || word.hasPrefix(".") {
            do throws(Errno) { return try FileStatus.of(word).kind == .directory } catch { return false }
        }
        guard let image = ImageReference(word) else { return false }
        if word.contains("/"), Files.isAccessible(word, 0) { return false }
        if word.contains(":") || word.contains("@") { return true }
        return !isProgram(word) && Files.isAccessible(places.images + "/" + image.fileName, 0)
    }

    private static func isProgram(_ word: String) -> Bool {
        (Process.environment("PATH") ?? "").split(separator: ":").contains { Files.isAccessible($0 + "/" + word, 1) }
    }

    /// The words by which `start` makes the same again.
    static func recorded(_ line: CommandWords, _ words: [String]) -> [String] {
        let options = words[..<(line.subjectStart ?? words.count)].filter { $0 != "--" }
        let isNamed = line.settings.contains { $0.option == .profile }
        return (isNamed ? [] : ["--profile", "shell"]) + options + [line.subject ?? "host"]
    }
}
