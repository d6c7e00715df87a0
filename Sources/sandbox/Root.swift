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

    /// - Parameter settings: of the profile and the command line: they say when an image is got, and for what platform.
    static func find(_ word: String, _ settings: [Setting], _ manage: Manage, _ paths: HostPaths) throws -> Root {
        if word == "host" { return Root(kind: .host, settings: []) }
        if word.hasPrefix("/") || word.hasPrefix(".") { return try folder(word, paths) }
        let reference = try reference(word, settings, manage, paths)
        let pull = try Policy.pullChoice(settings)
        let platform = settings.last { $0.option == .platform }?.value
        let here = record(reference, manage)
        if pull != .always, let here, fits(here, platform) { return image(reference, here) }
        if pull == .never, let here, let platform {
            throw RunError(
                "image \(quoted(word)) not found for \(quoted(platform)); it is here for \(quoted(here.platform))")
        }
        if pull == .never { throw RunError("image \(quoted(word)) not found" + hint(word, manage.places)) }
        try manage.run(
            ["__pull", "--pull", pull.rawValue] + (try Self.limit(settings))
                + (platform.map { ["--platform=" + $0] } ?? [])
                + (settings.contains { $0.option == .quiet && $0.value == "true" } ? ["--quiet"] : []) + ["--", word])
        guard let record = record(reference, manage) else {
            throw RunError("image \(quoted(word)) was removed meanwhile; try again")
        }
        return image(reference, record)
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
        Root(kind: .image(reference, layers: record.layers.map(\.content)), settings: record.settings)
    }

    private static func record(_ reference: ImageReference, _ manage: Manage) -> ImageRecord? {
        OwnFile.read(manage.places.images + "/" + reference.fileName).flatMap { ImageRecord(encoded: $0) }
    }

    /// The image's name. A layout or an archive gets one in the store, made from where it is and when it changed.
    private static func reference(
        _ word: String, _ settings: [Setting], _ manage: Manage, _ paths: HostPaths
    ) throws -> ImageReference {
        if let layout = Layout(word) {
            // Whether it can be read is for whoever reads it to say.
            do { _ = try paths.resolve(layout.path, quoted(word)) } catch is Errno {}
            if record(layout.reference, manage)?.key != layout.key {
                try manage.run(["__adopt", "--key=" + layout.key.word] + (try limit(settings)) + ["--", word])
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

    init?(_ word: String) {
        guard let kind = LayoutKind(of: word) else { return nil }
        let rest = String(word.dropFirst(kind.prefix.count))
        let path = rest.prefix { $0 != ":" }
        // A folder's index is what changes when the layout does.
        let stamps = [String(path), path + "/index.json"].map { FileStatus.stamp(of: $0) }
        var folder = ""
        do throws(Errno) { folder = try Process.currentFolder() } catch {}
        key = EntryKey("layout", [word, rest.hasPrefix("/") ? "" : folder] + stamps)
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
