// What a project's profile names of the host's, looked at once: for the trust, and for the launcher.

import ByteText
import LinuxSystem
import SandboxPolicy

/// The project that a file belongs to.
enum ProjectFolder {
    /// The folder whose `.sandbox` is passed on the way to `path`, by a link or not; the last one, where there are several.
    /// - Returns: nil where none is.
    static func of(_ path: String) -> String? {
        var walk = PathWalk(path)
        var found: String?
        while walk.next() {
            if walk.place.hasSuffix("/.sandbox") { found = String(walk.place.dropLast("/.sandbox".count)) }
            do throws(Errno) {
                let isLink = try FileStatus.ofLink(walk.isRoot ? "/" : walk.place).kind == .symlink
                if isLink { try walk.follow(Files.linkTarget(walk.place)) }
            } catch { break }
        }
        return found
    }

    /// The folder whose `.sandbox` the path names before a link there leads out of it; nil where none is named.
    static func asked(_ path: String) -> String? {
        var walk = PathWalk(path)
        var found: String?
        while walk.next() {
            if let known = found, !walk.place.utf8.starts(with: (known + "/.sandbox").utf8) { found = nil }
            if walk.place.hasSuffix("/.sandbox") { found = String(walk.place.dropLast("/.sandbox".count)) }
            do throws(Errno) {
                guard try FileStatus.ofLink(walk.isRoot ? "/" : walk.place).kind == .symlink else { continue }
                if found != nil { return found }
                try walk.follow(Files.linkTarget(walk.place))
            } catch { return found }
        }
        return found
    }
}

struct NamedFiles {
    /// The profile's, with targets in the place of paths.
    var settings: [Setting] = []
    var covers: [ProfileCover] = []
    var dependencies: [SettingsFile.Dependency] = []
    var trusted: [SettingsFile.Trusted] = []

    init() {}

    /// - Parameter project: the project's folder. Without links, as it was walked to.
    /// - Throws: `leadsOut`, and `invalid` for what can't be read.
    init(_ profile: Profile, in project: String) throws(ProfileError) {
        for line in profile.lines {
            guard let file = NamedFile(line.setting) else {
                settings.append(line.setting)
                continue
            }
            try add(file, profile.place(line.line), project)
        }
    }

    private mutating func add(_ file: NamedFile, _ place: ProfilePlace, _ project: String) throws(ProfileError) {
        // Stamped before it is looked at: a change meanwhile is noticed afterwards.
        let whole = FileStatus.stamp(of: file.path)
        let identity = FileStatus.identity(of: file.path)
        let target = file.target
        covers.append(ProfileCover(kind: .target, name: file.name, value: target ?? "-"))
        guard let target else {
            dependencies.append(SettingsFile.Dependency(path: file.path, stamp: "-"))
            settings.append(file.setting)
            return
        }
        let option = file.setting.option.rawValue
        if PathNames.lies(NamedFile.plain(file.path), in: project), !PathNames.lies(target, in: project) {
            throw .leadsOut(place, option: option, path: file.path, target: target)
        }
        settings.append(file.settled(target))
        var content: String?
        if file.isPolicy {
            content = try Self.content(target, place, option)
            covers.append(
                ProfileCover(
                    kind: .content, name: file.name, value: SHA256.hexadecimal(of: Array((content ?? "").utf8))))
        } else if file.setting.option == .layer, Self.isRegular(target) {
            covers.append(ProfileCover(kind: .content, name: file.name, value: try Self.digest(target, place)))
        }
        // What is in a folder, and what a bind shows, may change.
        let stamp = covers.last?.kind == .content ? whole : identity
        dependencies.append(SettingsFile.Dependency(path: file.path, stamp: stamp))
        trusted.append(SettingsFile.Trusted(path: target, stamp: stamp, content: content))
    }

    private static func isRegular(_ path: String) -> Bool {
        do throws(Errno) { return try FileStatus.of(path).kind == .regular } catch { return false }
    }

    /// The text of a filter or of a file of variables, which goes to the launcher as it was read here.
    private static func content(_ path: String, _ place: ProfilePlace, _ option: String) throws(ProfileError) -> String
    {
        do throws(Errno) {
            let bytes = try Files.read(path, limit: 1 << 20)
            let text = String(decoding: bytes, as: UTF8.self)
            if !bytes.contains(0), text.utf8.elementsEqual(bytes) { return text }
        } catch { throw .invalid(place, "\(option) \(quoted(path)): \(error)") }
        throw .invalid(place, "\(option) \(quoted(path)) is no text in UTF-8")
    }

    private static func digest(_ path: String, _ place: ProfilePlace) throws(ProfileError) -> String {
        do throws(Errno) { return try FileDigest.of(path) } catch {
            throw .invalid(place, "layer \(quoted(path)): \(error)")
        }
    }
}
