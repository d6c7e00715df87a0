// ROOTFS on the command line: this machine, a folder, or an image of the store.

import LaunchPlan
import LinuxSystem
import SandboxPolicy

struct Root {
    /// For an image: layer digests, not yet folders.
    let source: RootSource
    /// What the image's own config says.
    let settings: [Setting]
    let reference: ImageReference?

    static func find(_ word: String, _ places: Places) throws -> Root {
        if word == "host" { return Root(source: .host, settings: [], reference: nil) }
        if word.hasPrefix("/") || word.hasPrefix(".") { return try folder(word) }
        guard let reference = ImageReference(word) else {
            throw RunError("\(quoted(word)) is not the name of an image; a folder is written with a slash, as ./rootfs")
        }
        if let record = OwnFile.read(places.images + "/" + reference.fileName).flatMap({ ImageRecord(encoded: $0) }) {
            return Root(
                source: .image(name: reference.description, layers: record.layers), settings: record.settings,
                reference: reference)
        }
        throw RunError("image \(quoted(word)) not found" + hint(word, places))
    }

    private static func folder(_ word: String) throws -> Root {
        do throws(Errno) {
            let path = try Files.canonical(word)
            // Readable and searchable: overlayfs reads it with the user's own rights.
            guard try FileStatus.of(path).kind == .directory else {
                throw Errno.notDirectory
            }
            _ = try Descriptor.open(path, [.readOnly, .directory]).names()
            if path == "/" { throw Errno.busy }
            return Root(source: .folder(path), settings: [], reference: nil)
        } catch .busy {
            throw RunError("/ with all that is mounted below it can't be one layer; this machine is written host")
        } catch .notDirectory {
            throw RunError("\(quoted(word)) is not a folder; bring an archive in with `sandbox import \(word) NAME`")
        } catch {
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
            ? "; bring it in with `sandbox import FILE \(word)`; `sandbox images` lists what is there" : near
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
