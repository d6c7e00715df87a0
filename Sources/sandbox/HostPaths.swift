// The paths of the host that one run names: each resolved once, held, and judged by what sandboxes could write.

import LaunchPlan
import Launcher
import LinuxSystem
import SandboxPolicy

final class HostPaths {
    private var shown: ShownFolders
    private var resolved: [(path: HostPath, what: String)] = []
    /// The profile's file, where the command line names one.
    private var profile: HostPath?
    private var made: [HostFile] = []
    /// Files that a project's profile names, as they were when it was trusted.
    private(set) var trustedTexts: [String: [UInt8]] = [:]

    init(_ places: Places) { shown = ShownFolders(places) }

    /// Resolves a path that the option or word `what` names, and refuses what an earlier run may have turned.
    /// - Throws: `Errno` where it can't be resolved, `PathRefusal`.
    func resolve(_ given: String, _ what: String, mayBeMissing: Bool = false) throws -> HostPath {
        if let known = resolved.first(where: { $0.path.given == given && $0.path.file != nil }) { return known.path }
        let path = try HostPath.resolve(given, mayBeMissing: mayBeMissing)
        try shown.check(path, what)
        resolved.append((path, what))
        return path
    }

    /// Holds what a project's profile names: what lies there has to be what was trusted, and is used from here on.
    /// - Returns: false where something else lies there by now.
    func hold(_ trusted: [SettingsFile.Trusted]) throws -> Bool {
        for file in trusted {
            if let content = file.content {
                trustedTexts[file.path] = Array(content.utf8)
                continue
            }
            let what = "\(quoted(file.path)), which the project's profile names,"
            do throws(any Error) {
                let path = try resolve(file.path, what, mayBeMissing: true)
                let stamp = file.stamp.utf8.first == UInt8(ascii: "@") ? path.status?.identity : path.status?.stamp
                guard path.place == file.path, file.stamp == stamp ?? "-" else { return false }
            } catch let error as Errno { throw RunError("\(what) can't be used: \(error)") }
        }
        return true
    }

    /// What was found at each of the places: it must be there still when it is used.
    var found: [HostFile] {
        var found = made
        for (path, _) in resolved {
            guard let status = path.status else { continue }
            found.append(HostFile(path: path.place, device: status.device, inode: status.inode))
        }
        return found
    }

    /// A folder that the sandbox can write and that no option of a bind names: an upper.
    func show(_ path: HostPath) { shown.add(path) }

    /// What this program made itself, beside a path that was given.
    func hold(_ place: String, _ status: FileStatus) {
        made.append(HostFile(path: place, device: status.device, inode: status.inode))
    }

    /// The folder that sandboxes could write in which the file lies, or nil.
    func shownFolder(of path: HostPath) throws -> String? { try shown.folder(above: path.place, of: path) }

    /// The same by this run alone.
    func folderOfThisRun(of path: HostPath) -> String? { shown.folderOfThisRun(above: path.place, of: path) }

    /// Takes note of what the policy's binds show writable.
    func showBinds(of policy: Policy) throws {
        var policy = policy
        try resolveBinds(&policy)
    }

    /// Writes down what the sandbox can write. To be done before it can.
    func remember() throws { try shown.remember() }

    /// A profile named by its path. Whether it can be read is for whoever reads it to say.
    func resolveProfile(_ word: String) throws {
        guard word.contains("/") || word.hasSuffix(".toml") else { return }
        do { profile = try resolve(word, Self.what(.profile, word)) } catch is Errno {}
    }

    static func what(_ option: Option, _ value: String) -> String { "--\(option.rawValue) \(quoted(value))" }
}

// What a policy names.
extension HostPaths {
    /// Puts resolved paths in place of those that the policy names, and looks at all of them in the light of what this run
    /// shows writable.
    /// - Parameter installation: whose own profiles are believed wherever they lie.
    func settle(_ policy: inout Policy, _ root: Root, _ installation: Installation) throws {
        try resolveBinds(&policy)
        try resolveLayers(&policy)
        if case .file(let file) = policy.filter {
            do throws(any Error) { policy.filter = .file(try resolve(file, Self.what(.seccomp, file)).place) } catch let
                error as Errno
            {
                throw RunError("--seccomp: can't read the filter \(quoted(file)): \(error)")
            }
        }
        for (path, what) in resolved { try shown.check(path, what) }
        try refuseWritablePolicy(policy, installation)
        try keepReadOnly(&policy, root)
    }

    private func resolveBinds(_ policy: inout Policy) throws {
        for (index, bind) in policy.binds.enumerated() {
            do throws(any Error) {
                let path = try resolve(bind.source, Self.what(.bind, bind.source))
                policy.binds[index].source = path.place
                if !bind.readOnly { shown.add(path) }
            } catch let error as Errno {
                throw RunError("--bind \(quoted(bind.source)): \(error); the source of a bind must exist")
            }
        }
        if policy.here { shown.add(try resolve(try Process.currentFolder(), "--here")) }
    }

    private func resolveLayers(_ policy: inout Policy) throws {
        var layers: [String] = []
        for layer in policy.layers {
            do throws(any Error) {
                let place = try resolve(layer, Self.what(.layer, layer)).place
                // overlayfs takes a folder once.
                layers.removeAll { $0 == place }
                layers.append(place)
            } catch let error as Errno { throw RunError("\(Self.what(.layer, layer)): \(error)") }
        }
        policy.layers = layers
    }

    /// What opens a sandbox must not come from one. A project's own profile, and what it names, counts by the user's trust.
    private func refuseWritablePolicy(_ policy: Policy, _ installation: Installation) throws {
        func refuse(_ path: HostPath, _ what: String, _ remedy: String) throws {
            guard let folder = try shown.folder(above: path.place, of: path) else { return }
            throw PathRefusal("\(what) lies in \(quoted(folder)), which a sandbox could write; \(remedy)")
        }
        let isOurs = policy.settings.contains { $0.option == .seccomp && $0.origin == .commandLine }
        if case .file(let file) = policy.filter, isOurs {
            let path = try resolve(file, "")
            try refuse(path, Self.what(.seccomp, file), "copy it to a folder that no sandbox is shown")
            if let reason = FileStatus.stranger(of: path.place) {
                throw PathRefusal(
                    "\(Self.what(.seccomp, file)) \(reason), who could open the filter; copy it to a file of yours")
            }
        }
        if let profile, !profile.lies(in: installation.profiles),
            !profile.place.utf8.split(separator: 0x2f).contains(where: { $0.elementsEqual(".sandbox".utf8) })
        {
            try refuse(
                profile, Self.what(.profile, profile.place),
                "make it one of the project's, in .sandbox/profiles, which counts as it was when you trusted it")
        }
    }

    /// What this run is made of can't be changed by it: shown read-only where it lies in a folder that is shown writable.
    private func keepReadOnly(_ policy: inout Policy, _ root: Root) throws {
        var kept = policy.layers + policy.environmentFiles
        if case .folder(let path) = root.kind { kept.append(path) }
        if let profile { kept.append(profile.place) }
        var all = policy.binds
        if policy.here {
            let folder = try Process.currentFolder()
            all.append(Bind(source: folder, destination: folder, readOnly: false))
        }
        for word in kept {
            let path = try resolve(word, "")
            for bind in all where !bind.readOnly && bind.source != path.place && path.lies(in: bind.source) {
                let rest = path.place.utf8.dropFirst(bind.source == "/" ? 0 : bind.source.utf8.count)
                let place = bind.destination + String(Substring(rest))
                // Something else that is bound there hides it already.
                let isHidden = all.contains {
                    $0.destination.utf8.count > bind.destination.utf8.count
                        && (place == $0.destination || place.utf8.starts(with: ($0.destination + "/").utf8))
                }
                if !isHidden { policy.binds.append(Bind(source: path.place, destination: place, readOnly: true)) }
            }
        }
    }
}
