// What the changes in a folder of `--upper` were made over, kept beside it: over anything else they are another tree.

import LaunchPlan
import LinuxSystem
import SandboxPolicy

struct MadeOver: Equatable {
    let mode: IdentityMode
    /// `host`, a folder, or an image's name.
    let root: String
    /// Of an image's manifest; empty for others.
    let manifest: String

    init(_ root: Root, _ mode: IdentityMode) {
        self.mode = mode
        manifest = root.record.map { "\($0.manifest)" } ?? ""
        switch root.kind {
        case .host: self.root = "host"
        case .folder(let path): self.root = path
        case .image(let reference, _): self.root = reference.description
        }
    }

    private init?(_ words: [String]) {
        guard words.count == 4, words[0] == Self.signature, let mode = IdentityMode(rawValue: words[1]) else {
            return nil
        }
        (self.mode, root, manifest) = (mode, words[2], words[3])
    }

    /// In the folder beside the upper.
    static let name = "over"
    private static let signature = "sandbox-over-1"

    /// nil where nothing is written, as by an earlier version.
    static func read(in folder: SharedDescriptor) throws(Errno) -> MadeOver? {
        do throws(Errno) {
            let file = try folder.descriptor.open(
                name, [.readOnly, .noFollow, .nonBlocking], resolve: [.beneath, .noSymlinks])
            guard try file.status().kind == .regular else { return nil }
            return MadeOver(Words.split(try file.readAll(limit: 1 << 16)))
        } catch .noEntry { return nil }
    }

    /// - Returns: what is to be said, where the image has changed.
    /// - Throws: where the changes make no sense over this.
    func compare(with before: MadeOver, _ what: String, file: String) throws(RunError) -> String? {
        if mode != before.mode {
            throw RunError(
                "\(what) was filled with --id-map \(before.mode.rawValue), and this run has \(mode.rawValue), for which its "
                    + "files have other owners; give --id-map \(before.mode.rawValue), or another folder")
        }
        if !manifest.isEmpty, manifest == before.manifest { return nil }
        if root != before.root {
            throw RunError(
                "\(what) holds changes to \(quoted(before.root)), not to \(quoted(root)); give another folder, or remove "
                    + "\(quoted(file)) to use it all the same")
        }
        if manifest == before.manifest { return nil }
        return "\(what) holds changes to what \(quoted(root)) was before; they lie over what it is now"
    }

    /// Written when the plan stands.
    struct Record {
        private let over: MadeOver
        private let folder: SharedDescriptor

        init(_ over: MadeOver, in folder: SharedDescriptor) {
            self.over = over
            self.folder = folder
        }

        func write() throws(Errno) {
            let file = try folder.descriptor.open(
                MadeOver.name, [.writeOnly, .create, .truncate, .noFollow], mode: 0o600,
                resolve: [.beneath, .noSymlinks])
            try file.write(Words.join([MadeOver.signature, over.mode.rawValue, over.root, over.manifest]))
        }
    }
}
