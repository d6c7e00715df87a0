// What the trust in a project's profile covers: the file, those of the project's that it extends, and what they name.

import Checksums
import LinuxSystem
import SandboxPolicy

/// One thing that was looked at when the user said yes, and how it was.
public struct ProfileCover: Hashable, Sendable {
    public enum Kind: String, Sendable {
        /// A profile's file: `value` is the SHA-256 of its content.
        case profile
        /// Where a path leads, without links; `-` where it leads nowhere.
        case target
        /// The SHA-256 of a file that says what the sandbox may do, or that a layer is made from.
        case content
    }
    public let kind: Kind
    /// A file, or an option and the path that its value has.
    public let name: String
    public let value: String

    /// What has changed, given how it was.
    func change(from before: String) -> String {
        switch kind {
        case .profile: "the profile \(quoted(name))"
        case .target: "where \(escaped(name)) leads: to \(quoted(before)) then, to \(quoted(value)) now"
        case .content: "the content of \(escaped(name))"
        }
    }
}

/// A path of the host's that a line of a project's profile says.
struct NamedFile {
    let setting: Setting
    /// Absolute, as it is written.
    let path: String
    /// What follows it in the value.
    let rest: Substring
    /// The content counts, and not only where it lies.
    let isPolicy: Bool

    /// nil where the value has no path of the host's.
    init?(_ setting: Setting) {
        let value = setting.value
        self.setting = setting
        switch setting.option {
        case .bind: path = Bind.source(of: value)
        case .layer, .envFile: path = value
        case .upper where value.hasPrefix("/"): path = value
        case .seccomp where FilterChoice.isPath(value): path = value
        default: return nil
        }
        rest = setting.option == .bind ? Bind.rest(value) : ""
        isPolicy = setting.option == .envFile || setting.option == .seccomp
    }

    var name: String { "\(setting.option.rawValue) \(path)" }

    /// Where the path leads, without links. Of one that leads to nothing yet, the folder above counts.
    var target: String? {
        do throws(Errno) { return try Files.canonical(path) } catch {}
        let plain = Self.plain(path)
        guard let slash = plain.lastIndex(of: "/"), slash != plain.startIndex else { return nil }
        do throws(Errno) { return try Files.canonical(String(plain[..<slash])) + plain[slash...] } catch { return nil }
    }

    /// The path without `.` and `..`, links not looked at.
    static func plain(_ path: String) -> String {
        var names: [Substring] = []
        for name in path.split(separator: "/") where name != "." {
            if name == ".." { _ = names.popLast() } else { names.append(name) }
        }
        return "/" + names.joined(separator: "/")
    }

    /// The setting with the target in the path's place, for whoever opens it without following links.
    func settled(_ target: String) -> Setting {
        guard setting.option == .bind else { return Setting(setting.option, target, setting.origin) }
        // A bind without a place of its own is shown where it was said to be.
        let hasPlace = rest.hasPrefix(":/")
        let place = hasPlace || Self.plain(path) == target ? "" : ":" + Bind.escaped(Self.plain(path))
        return Setting(.bind, Bind.escaped(target) + place + rest, setting.origin)
    }
}

/// The SHA-256 of a file of any length.
enum FileDigest {
    static func of(_ path: String) throws(Errno) -> String {
        guard let file = try Descriptor.openRegular(path) else { return SHA256.hexadecimal(of: []) }
        let digest = ContentDigest()
        while true {
            let chunk = try file.read(upTo: 1 << 20)
            if chunk.isEmpty { return digest.finish().hex }
            chunk.withUnsafeBytes { digest.add($0) }
        }
    }
}
