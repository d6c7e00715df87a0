// ROOTFS on the command line: this machine, a folder, or an image of the store.

import LaunchPlan
import LinuxSystem
import SandboxPolicy

struct Root {
    enum Kind: Equatable {
        case host
        case folder(String)
        /// With the digests of its uncompressed layers, lowest first.
        case image(ImageReference, layers: [Digest])
    }

    let kind: Kind
    /// What the image's own config says.
    let settings: [Setting]
    /// What the store knew of the image.
    var record: ImageRecord?
    /// The kept sandbox that goes on with an image, whatever its name stands for now.
    var keptAs: String?

    /// - Parameter settings: of the profile and the command line: they say when an image is got, and for what platform.
    static func find(_ word: String, _ settings: [Setting], _ manage: Manage, _ paths: HostPaths) throws -> Root {
        if word == "host" { return Root(kind: .host, settings: []) }
        if isFolder(word) { return try folder(word, paths) }
        let reference = try reference(word, settings, manage, paths)
        let pull = try Policy.pullChoice(settings)
        let platform = settings.last { $0.option == .platform }?.value
        let here = record(reference, manage)
        if reference.isMadeUp, let here { return image(reference, here) }
        if pull != .always, let here, fits(here, platform) { return image(reference, here) }
        if pull == .never, let here, let platform {
            throw RunError(
                "image \(quoted(word)) not found for \(quoted(platform)); it is here for \(quoted(here.platform))")
        }
        if pull == .never { throw RunError("image \(quoted(word)) not found" + hint(word, manage.places)) }
        try manage.run(
            ["__pull", "--pull", pull.rawValue] + (try Self.unpacking(settings))
                + (platform.map { ["--platform=" + $0] } ?? [])
                + (settings.contains { $0.option == .quiet && $0.value == "true" } ? ["--quiet"] : []) + ["--", word])
        guard let record = record(reference, manage) else {
            throw RunError("image \(quoted(word)) was removed meanwhile; try again")
        }
        return image(reference, record)
    }

    /// What a kept sandbox goes on with: `word` is how it was named when the sandbox was made.
    static func kept(_ name: String, _ word: String, _ manage: Manage, _ paths: HostPaths) throws -> Root {
        guard !isFolder(word), word != "host" else { return try find(word, [], manage, paths) }
        guard let reference = Layout(word, nil)?.reference ?? ImageReference(word) else {
            throw RunError("the record of \(quoted(name)) is damaged; `sandbox rm \(name)` removes it")
        }
        let named = record(reference, manage)
        if let record = OwnFile.read(manage.places.keptImage(name)).flatMap({ ImageRecord(encoded: $0) }) {
            var root = image(reference, record)
            root.keptAs = name
            return root
        }
        // An earlier version wrote down the layers alone.
        let layers = layers(of: name, manage.places)
        if let named, layers.isEmpty || layers == named.layers.map(\.content) { return image(reference, named) }
        if layers.isEmpty { throw RunError("image \(quoted(word)), which \(quoted(name)) was made on, is gone") }
        return Root(kind: .image(reference, layers: layers), settings: named?.settings ?? [], keptAs: name)
    }

    /// The image's layers in a kept sandbox's list, lowest first.
    private static func layers(of name: String, _ places: Places) -> [Digest] {
        let words = OwnFile.read(places.keptLowers(name)).map(Words.split) ?? []
        return words.filter { $0.hasPrefix(places.layers + "/") }.reversed().compactMap { folder in
            Digest(hex: String(folder.dropFirst(places.layers.count + 1).prefix { $0 != "." }))
        }
    }

    /// A folder is written with a slash, before or behind.
    static func isFolder(_ word: String) -> Bool {
        word.hasPrefix("/") || word.hasPrefix(".") || word.hasSuffix("/")
    }

    /// What those are told that get an image.
    private static func unpacking(_ settings: [Setting]) throws -> [String] {
        let idMap = settings.last { $0.option == .idMap }?.value
        return try limit(settings) + (idMap == IdentityChoice.single.rawValue ? ["--id-map=single"] : [])
    }

    /// What those are told that write to the store.
    static func limit(_ settings: [Setting]) throws -> [String] {
        try Policy.imageLimit(settings).map { ["--max-image-size", String($0)] } ?? []
    }

    /// A platform that is none fits nothing: who gets the image says so.
    private static func fits(_ record: ImageRecord, _ wanted: String?) -> Bool {
        guard let wanted else { return true }
        guard let own = Platform(record.platform), let platform = Platform(wanted) else { return false }
        return own.fits(platform)
    }

    private static func image(_ reference: ImageReference, _ record: ImageRecord) -> Root {
        Root(
            kind: .image(reference, layers: record.layers.map(\.content)), settings: record.settings, record: record)
    }

    private static func record(_ reference: ImageReference, _ manage: Manage) -> ImageRecord? {
        OwnFile.read(manage.places.images + "/" + reference.fileName).flatMap { ImageRecord(encoded: $0) }
    }

    /// The image's name. A layout or an archive gets one in the store, made from where it is and when it changed.
    private static func reference(
        _ word: String, _ settings: [Setting], _ manage: Manage, _ paths: HostPaths
    ) throws -> ImageReference {
        if let layout = Layout(word, settings.last { $0.option == .platform }?.value) {
            // Whether it can be read is for whoever reads it to say.
            do { _ = try paths.resolve(layout.path, quoted(word)) } catch is Errno {}
            if record(layout.reference, manage)?.key != layout.key {
                try manage.run(
                    ["__adopt", "--key=" + layout.key.word] + (try unpacking(settings))
                        + (layout.platform.map { ["--platform=" + $0] } ?? []) + ["--", word])
                guard record(layout.reference, manage)?.key == layout.key else {
                    throw RunError("\(quoted(word)) could not be brought in; try again")
                }
            }
            return layout.reference
        }
        guard let reference = ImageReference(word) else {
            throw RunError("\(quoted(word)) is not the name of an image; a folder is written with a slash, as ./rootfs")
        }
        return reference
    }

    private static func folder(_ word: String, _ paths: HostPaths) throws -> Root {
        do throws(any Error) {
            let path = try paths.resolve(word, quoted(word))
            guard path.status?.kind == .directory else { throw Errno.notDirectory }
            // Readable and searchable: overlayfs reads it with the user's own rights.
            _ = try path.file?.descriptor.open(".", [.readOnly, .directory], resolve: [.beneath])
            if path.place == "/" { throw Errno.busy }
            return Root(kind: .folder(path.place), settings: [])
        } catch let error as Errno where error == .busy {
            throw RunError("/ with all that is mounted below it can't be one layer; this machine is written host")
        } catch let error as Errno where error == .notDirectory {
            throw RunError("\(quoted(word)) is not a folder; bring an archive in with `sandbox import \(word) NAME`")
        } catch let error as Errno {
            throw RunError(
                "\(quoted(word)): \(error)"
                    + (error == .noEntry ? "; ROOTFS is host, a folder that is there, or an image" : ""))
        }
    }

    private static func hint(_ word: String, _ places: Places) -> String {
        if Files.isAccessible("./" + word, 0) { return "; the folder of that name here is written ./\(word)" }
        var names: [String] = []
        do throws(Errno) { names = try Descriptor.open(places.images, [.readOnly, .directory]).names() } catch {}
        let known = names.compactMap { ImageReference(fileName: $0) }.flatMap { image in
            image.tag == "latest" ? [image.name, image.description] : [image.description]
        }
        if let other = known.first(where: { $0.hasPrefix(word + ":") }) { return "; did you mean \(other)?" }
        let near = Nearest.suggestion(word, among: known)
        return near.isEmpty
            ? "; get it with `sandbox pull \(word)`, or bring a tar in with `sandbox import FILE \(word)`" : near
    }
}

/// An image outside of the store (containers-transports(5)): `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`,
/// `docker-archive:FILE[:NAME]`.
struct Layout {
    let reference: ImageReference
    let key: EntryKey
    let path: String
    let platform: String?

    init?(_ word: String, _ platform: String?) {
        guard let kind = LayoutKind(of: word) else { return nil }
        let rest = String(word.dropFirst(kind.prefix.count))
        let path = rest.prefix { $0 != ":" }
        // A folder's index is what changes when the layout does.
        let stamps = [String(path), path + "/index.json"].map { FileStatus.stamp(of: $0) }
        var folder = ""
        do throws(Errno) { folder = try Process.currentFolder() } catch {}
        let given = [word, rest.hasPrefix("/") ? "" : folder] + stamps
        key = EntryKey("layout", platform.map { given + [$0] } ?? given)
        self.platform = platform
        guard let reference = ImageReference(ImageReference.madeUpName(key)) else { return nil }
        self.reference = reference
        self.path = String(path)
    }
}

extension RootSource {
    /// Folders of the host that are layers of it.
    var folders: [String] {
        switch self {
        case .host: []
        case .folder(let path): [path]
        case .image(_, let layers): layers
        }
    }
}
