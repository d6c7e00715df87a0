// What the launcher takes from caches and store, asking sandbox-manage to make what is not there yet.

import LaunchPlan
import LinuxSystem
import SandboxPolicy

struct Store {
    let manage: Manage
    init(_ manage: Manage) { self.manage = manage }

    private var places: Places { manage.places }

    /// The root with its layers as folders, unpacked for these ids, and kept from being removed by `lease`.
    func unpacked(
        _ root: Root, _ mode: IdentityMode, _ lease: Lease, _ settings: [Setting]
    ) throws -> RootSource {
        switch root.kind {
        case .host: return .host
        case .folder(let path): return .folder(path)
        case .image(let reference, let digests):
            let name = reference.description
            let folders = digests.map { places.layer($0, mode) }
            try closeLayers()
            let kept = root.keptAs.map { ["--kept=" + $0] } ?? []
            try lease.hold(folders) {
                try manage.run(["__unpack", name, mode.rawValue] + kept + (try Root.limit(settings)))
            }
            return .image(name: name, layers: folders)
        }
    }

    /// An image may leave its top folder open to all: only the folder above keeps others out.
    private func closeLayers() throws {
        do throws(Errno) {
            let status = try FileStatus.ofLink(places.layers)
            if status.owner == Process.effectiveUser, status.permissions & 0o077 == 0 { return }
        } catch .noEntry { return } catch { throw RunError("can't look at \(quoted(places.layers)): \(error)") }
        try Upper.closedFolder(places.layers)
    }

    /// Layers over the image: folders as they are, archives unpacked once.
    /// - Parameter paths: without links, as `HostPaths` resolved them.
    func layers(
        _ paths: [String], _ mode: IdentityMode, _ lease: Lease, _ settings: [Setting]
    ) throws -> [String] {
        try paths.map { path in
            let status: FileStatus
            do throws(Errno) { status = try FileStatus.ofLink(path) } catch {
                throw RunError("--layer \(quoted(path)): \(error)")
            }
            if status.kind == .directory { return path }
            guard status.kind == .regular else {
                throw RunError("--layer \(quoted(path)) is neither a folder nor a tar file")
            }
            let key = EntryKey("tar", [status.stamp, mode.rawValue])
            let folder = places.setup(key)
            try lease.hold([folder], key) {
                try manage.run(
                    ["__unpack-tar", path, status.stamp, mode.rawValue, "--key=" + key.word]
                        + (try Root.limit(settings)))
            }
            return Places.setupTree(folder)
        }
    }

    /// The layer that the profile's set-up commands made on this root, made now where it is missing.
    /// - Parameter kept: the kept sandbox that goes on with the one it was made on.
    func setupLayer(
        _ policy: Policy, _ source: RootSource, _ mode: IdentityMode, _ lease: Lease, given: String,
        kept: String?
    ) throws -> [String] {
        if policy.setup.commands.isEmpty || policy.explain != nil { return [] }
        if let kept { return try keptSetup(kept, lease) }
        let layers = policy.layers.map { $0 + "=" + FileStatus.stamp(of: $0) }
        let lists = [identity(of: source), layers, policy.setup.words]
        let identity = [mode.rawValue] + lists.flatMap { [String($0.count)] + $0 }
        let key = EntryKey("set-up", identity)
        let folder = places.setup(key)
        try lease.hold([folder], key) {
            var words = [
                "__setup", "--key=" + key.word, "--id-map", mode.rawValue, "--network", policy.setup.network.rawValue,
            ]
            if let unless = policy.setup.unless { words.append("--unless=" + unless) }
            for (distribution, command) in policy.setup.commands { words.append("--on=\(distribution)=\(command)") }
            for layer in policy.layers { words += ["--layer", layer] }
            if policy.quiet { words.append("--quiet") }
            for folder in source.folders { words += ["--lower", folder] }
            try manage.run(words + ["--", given])
        }
        let tree = Places.setupTree(folder)
        return Files.isAccessible(tree, 0) ? [tree] : []
    }

    private func keptSetup(_ name: String, _ lease: Lease) throws -> [String] {
        let words = OwnFile.read(places.keptLowers(name)).map(Words.split) ?? []
        for tree in words where tree.hasPrefix(places.setup + "/") && tree.hasSuffix(Places.setupTree("")) {
            let folder = String(tree.dropLast(Places.setupTree("").count))
            guard let key = OwnFile.read(Places.setupKey(folder)).flatMap({ EntryKey(encoded: $0) }) else {
                throw RunError(
                    "a layer that \(quoted(name)) was made on is gone: \(quoted(tree)); its changes are in "
                        + quoted(places.sandboxes + "/\(name)/upper"))
            }
            guard key.isOf("set-up") else { continue }
            try lease.hold([folder], key) {}
            return [tree]
        }
        return []
    }

    /// What changes when the root does: digests of an image, the package databases of a folder or of this machine.
    private func identity(of source: RootSource) -> [String] {
        let databases = [
            "/etc/os-release", "/usr/bin", "/lib/apk/db/installed", "/var/lib/dpkg/status", "/var/lib/rpm",
        ]
        switch source {
        case .host: return databases.map { FileStatus.stamp(of: $0) }
        case .folder(let path): return [path] + databases.map { FileStatus.stamp(of: path + $0) }
        case .image(_, let layers): return layers
        }
    }

    /// The file that the policy's filter is written in.
    func filterFile(_ policy: Policy) -> String? {
        switch policy.filter {
        case .none: nil
        case .installed(let name): manage.installation.profiles + "/seccomp/\(name).json"
        case .file(let path): path
        }
    }

    /// The compiled system call filter, or nil where the policy has none.
    /// - Parameter texts: of files that count as they were when they were trusted, by their paths.
    func filter(_ policy: Policy, _ identity: IdentityMap, _ texts: [String: [UInt8]]) throws -> [UInt8]? {
        guard let file = filterFile(policy) else { return nil }
        let emulateRoot = identity.mode == .single
        let isInstalled = if case .installed = policy.filter { true } else { false }
        // A file may change between this reading and the compiler's own.
        for _ in 0..<3 {
            let content = isInstalled ? Array(FileStatus.stamp(of: file).utf8) : texts[file]
            let source = FilterSource(
                content: try content ?? self.content(ofFilter: file),
                capabilities: policy.capabilities, emulateRoot: emulateRoot,
                allowed: policy.openings(emulateRoot: emulateRoot), only: policy.systemCalls, kernel: Kernel.version)
            let path = places.filterCache + "/" + source.fileName(of: file)
            if let program = fresh(path, source) { return program }
            let names = policy.capabilities.members.map { "\($0)" }.joined(separator: ",")
            var words = ["__filter", file, path, "--caps", names]
            if isInstalled { words.append("--by-stamp") }
            if policy.quiet { words.append("--quiet") }
            if source.emulateRoot { words.append("--emulate-root") }
            for name in source.allowed { words += ["--allow", name] }
            for name in source.only { words += ["--only", name] }
            try manage.run(words)
            if let program = fresh(path, source) { return program }
        }
        throw RunError("the filter \(quoted(file)) could not be prepared: it changes while it is read")
    }

    /// A kept program that was made from exactly this, by the compiler that is installed now.
    private func fresh(_ path: String, _ source: FilterSource) -> [UInt8]? {
        guard let file = OwnFile.read(path).flatMap({ FilterFile(encoded: $0) }), file.isMade(from: source),
            file.dependencies.first?.stamp == FileStatus.stamp(of: manage.installation.manage),
            file.dependencies.dropFirst().allSatisfy({ FileStatus.stamp(of: $0.path) == $0.stamp })
        else { return nil }
        return file.program
    }

    private func content(ofFilter path: String) throws -> [UInt8] {
        do throws(Errno) { return try Files.read(path, limit: 1 << 20) } catch {
            let hint = error == .tooBig ? "; it may have \(1 << 20) bytes at most" : ""
            throw RunError("--seccomp: can't read the filter \(quoted(path)): \(error)\(hint)")
        }
    }
}

/// Keeps layers of the store from being removed while this process lives.
final class Lease {
    private let places: Places
    private var file: SharedDescriptor?
    /// Bytes of it that are locked.
    private var held: Set<Int64> = []

    init(_ places: Places) { self.places = places }

    /// Holds layers that are there; those that are not are made first, which needs them not to be held.
    /// - Parameter key: what a layer's folder has to be of, where it has a key in it.
    func hold(_ layers: [String], _ key: EntryKey? = nil, make: () throws -> Void) throws {
        do {
            if try hold(layers, key) { return }
            try make()
            if try hold(layers, key) { return }
        } catch let error as Errno {
            throw RunError("can't lock layers of the store \(quoted(places.data)): \(error)")
        }
        throw RunError("a layer of the store was removed while it was to be used; try again")
    }

    private func hold(_ layers: [String], _ key: EntryKey?) throws(Errno) -> Bool {
        let file = try opened()
        let offsets = Set(layers.map { Places.lockOffset(of: $0) })
        for offset in offsets { try file.descriptor.lockByte(at: offset, exclusive: false, wait: true) }
        for layer in layers where !isThere(layer, key) {
            // A byte may stand for a layer that was held before, too.
            for offset in offsets.subtracting(held) { try file.descriptor.unlockByte(at: offset) }
            return false
        }
        held.formUnion(offsets)
        return true
    }

    private func isThere(_ layer: String, _ key: EntryKey?) -> Bool {
        guard let key else { return Files.isAccessible(layer, 0) }
        return OwnFile.read(Places.setupKey(layer)) == key.encoded
    }

    private func opened() throws(Errno) -> SharedDescriptor {
        if let file { return file }
        try Files.makeDirectories(places.data)
        let opened = SharedDescriptor(try .open(places.lock, [.readWrite, .create, .noFollow], mode: 0o600))
        file = opened
        return opened
    }
}

extension SetupChoice {
    /// All that a set-up layer depends on.
    var words: [String] {
        commands.flatMap { [$0.distribution, $0.command] } + [unless ?? "", network.rawValue]
    }
}
