// Images got, sent, named, moved and checked.

import ArgumentParser
import Foundation
import ImageFormat
import ImageLayout
import ImageStore
import Launcher
import LinuxSystem
import Registry
import SandboxPolicy

func imageReference(_ name: String) throws -> ImageReference {
    guard let reference = ImageReference(name) else { throw NameError(name: name) }
    return reference
}

/// A name that an image is given. Those that `run` makes up for layouts are not for others to have.
func newImageReference(_ name: String) throws -> ImageReference {
    let reference = try imageReference(name)
    if reference.isMadeUp { throw ReservedName(name: name) }
    return reference
}

struct ReservedName: Error, CustomStringConvertible {
    let name: String
    var description: String {
        "\(quoted(name)): names that begin with \(ImageReference.madeUpPrefix) are for images run in place; choose another"
    }
}

private func platform(_ text: String?) throws -> Platform {
    guard let text else { return .host }
    guard let platform = Platform(text) else {
        throw ValidationError("\(quoted(text)) is not a platform: OS/ARCHITECTURE[/VARIANT], as linux/arm64")
    }
    return platform
}

extension ImageStore {
    /// The store of this user, with the limits that the environment sets.
    init(_ size: ImageSize? = nil) throws {
        var limits = try UnpackLimits(environment: { Process.environment($0) })
        if let bytes = try size?.bytes { limits.imageBytes = bytes }
        self.init(try Surroundings().places, limits: limits)
    }
}

/// `--max-image-size`, as `run` takes it.
struct ImageSize: ParsableArguments {
    @ArgumentParser.Option(
        name: .customLong("max-image-size"),
        help: "the most that one image may take of the disk: BYTES, with k, m or g if wanted (default: 128g)")
    var text: String?

    var bytes: Int64? {
        get throws { try text.flatMap { try Policy.imageLimit([Setting(.maxImageSize, $0, .commandLine)]) } }
    }
}

/// `--id-map`, as `run` takes it: whether owners are kept.
struct OwnerChoice: ParsableArguments {
    @ArgumentParser.Option(
        name: .customLong("id-map"),
        help: "single: take all files without their owners; range: with them (default: range where you have one)")
    var idMap = Kept.auto

    enum Kept: String, ExpressibleByArgument, CaseIterable {
        case auto, single, range
    }

    /// What this process becomes, before it has a thread.
    func enter() throws -> IdentityMode {
        try UserNamespace.enter(preferring: idMap == .auto ? nil : idMap == .single ? .single : .range)
    }
}

private func sayRetry(_ reason: String, _ seconds: Double) {
    Invocation.say("\(reason); trying again in \(Int(seconds.rounded(.up))) s")
}

/// Images of registries, brought into the store.
private struct Puller {
    let store: ImageStore
    let configuration: RegistryConfiguration
    let mode: IdentityMode
    let isQuiet: Bool

    /// - Parameter words: the images that will be asked for, and no others. nil: any, by a process that is not confined.
    init(isQuiet: Bool, for words: [String]?, _ size: ImageSize? = nil, _ owners: OwnerChoice? = nil) throws {
        // As the user's own account, whose files these are.
        var configuration = try RegistryConfiguration(environment: ProcessInfo.processInfo.environment)
        // Credential helpers are programs, which can't be started later.
        for word in words ?? [] { configuration.askHelpers(for: try imageReference(word), written: word) }
        self.configuration = configuration
        // Before any thread: only then a user namespace can be entered.
        mode = try owners?.enter() ?? UserNamespace.enter(preferring: nil)
        store = try ImageStore(size)
        self.isQuiet = isQuiet
        if words != nil { try Confined.toStore(store.places, pullingBy: configuration) }
    }

    func pull(_ word: String, _ platform: Platform) throws {
        let reference = try newImageReference(word)
        let source = try source(reference, word)
        let progress = TransferProgress("\(reference)", isQuiet: isQuiet)
        defer { progress.close() }
        try store.add(source, as: reference, platform: platform, mode: mode, progress: progress)
    }

    func source(_ reference: ImageReference, _ word: String? = nil) throws -> RemoteImage {
        let isQuiet = isQuiet
        return try RemoteImage(reference, written: word, configuration: configuration) { event in
            if case .retrying(let reason, let seconds) = event, !isQuiet { sayRetry(reason, seconds) }
        }
    }

    /// The very image, whatever the name stands for in its registry by now.
    func sourceForRepair(_ reference: ImageReference, _ digest: Digest) -> (any ImageSource)? {
        guard let pinned = ImageReference("\(reference.name)@\(digest)") else { return nil }
        do { return try source(pinned) } catch {
            Invocation.say("\(reference) can't be got anew: \(error)")
            return nil
        }
    }

    /// Whether the registry has what is here.
    func isCurrent(_ word: String, _ platform: Platform) throws -> Bool {
        let reference = try imageReference(word)
        guard let record = try store.existing(reference), Platform(record.platform)?.fits(platform) ?? false else {
            return false
        }
        return try source(reference, word).digest() == record.root
    }
}

struct PullCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "get images from their registries",
        discussion: """
            Short names, mirrors and registries without TLS are set in containers-registries.conf(5), credentials in \
            containers-auth.json(5), as podman and docker login write it.
            """)

    @ArgumentParser.Argument(help: "[REGISTRY/]NAME[:TAG|@DIGEST] …") var names: [String]
    @ArgumentParser.Option(help: "OS/ARCH[/VARIANT] (default: this machine's)") var platform: String?
    @ArgumentParser.OptionGroup var size: ImageSize
    @ArgumentParser.OptionGroup var owners: OwnerChoice
    @ArgumentParser.Flag(name: .shortAndLong, help: "say nothing but errors") var quiet = false

    func run() throws {
        let wanted = try sandbox_manage.platform(platform)
        for name in names { _ = try imageReference(name) }
        let puller = try Puller(isQuiet: quiet, for: names, size, owners)
        for name in names { try puller.pull(name, wanted) }
    }
}

/// What `run` asks for.
struct PullForRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "__pull", shouldDisplay: false)

    @ArgumentParser.Argument var name: String
    @ArgumentParser.Option var pull: String
    @ArgumentParser.Option var platform: String?
    @ArgumentParser.Flag var quiet = false
    @ArgumentParser.OptionGroup var size: ImageSize
    @ArgumentParser.OptionGroup var owners: OwnerChoice

    func run() throws {
        let wanted = try sandbox_manage.platform(platform)
        let puller = try Puller(isQuiet: quiet, for: [name], size, owners)
        do {
            if pull == "always", try puller.isCurrent(name, wanted) { return }
            try puller.pull(name, wanted)
        } catch {
            let isHere = try puller.store.existing(imageReference(name)) != nil
            throw Explained(description: try Self.words(error, name, isHere: isHere, puller.store))
        }
    }
}

extension PullForRunCommand {
    /// What keeps an image from coming, and what else the name may have been meant for.
    fileprivate static func words(
        _ error: any Error, _ name: String, isHere: Bool, _ store: ImageStore
    ) throws -> String {
        if isHere {
            return "\(error); \(quoted(name)) is here, as it was got before: `--pull missing` runs that"
        }
        let words = "image \(quoted(name)) is not here, and \(error)"
        if FileManager.default.fileExists(atPath: "./" + name) {
            return words + "; the folder of that name here is written ./\(name)"
        }
        let known = try store.images().map { image in
            image.reference.tag == "latest" ? image.reference.name : image.reference.description
        }
        return words + Nearest.suggestion(name, among: known)
    }
}

struct Explained: Error, CustomStringConvertible {
    let description: String
}

struct PushCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "push", abstract: "send an image to a registry")

    @ArgumentParser.Argument(help: "the image") var name: String
    @ArgumentParser.Argument(help: "where to, if not what it is called: REGISTRY/NAME[:TAG]") var destination: String?
    @ArgumentParser.Flag(name: .shortAndLong, help: "say nothing but errors") var quiet = false

    func run() throws {
        let reference = try imageReference(name)
        let target = try imageReference(destination ?? name)
        let progress = TransferProgress("\(target)", isQuiet: quiet)
        defer { progress.close() }
        let remote = try RemoteDestination(
            target,
            configuration: try RegistryConfiguration(environment: ProcessInfo.processInfo.environment)
        ) { event in
            switch event {
            case .progress(let digest, let bytes): progress.advance(digest, to: bytes)
            case .present(let digest): progress.end(digest, wasThere: true)
            case .retrying(let reason, let seconds): if !quiet { sayRetry(reason, seconds) }
            }
        }
        try ImageStore().send(reference, to: remote, as: target)
    }
}

struct TagCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "tag", abstract: "give an image a second name")

    @ArgumentParser.Argument(help: "the image") var name: String
    @ArgumentParser.Argument(help: "NAME[:TAG]") var newName: String

    func run() throws {
        let new = try newImageReference(newName)
        if new.digest != nil { throw ValidationError("a digest can't be given as a name; give NAME[:TAG]") }
        try ImageStore().tag(try imageReference(name), as: new)
    }
}

struct RemoveImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rmi", abstract: "remove images, with what no other image has")

    @ArgumentParser.Argument(help: "their names") var names: [String]
    @ArgumentParser.Flag(name: .shortAndLong, help: "take the name away also where a sandbox uses the image")
    var force = false

    func run() throws {
        let references = try names.map(imageReference)
        _ = try UserNamespace.enter(preferring: nil)
        let store = try ImageStore()
        for reference in references {
            do throws(ImageStoreError) { try store.remove(reference, force: force) } catch {
                // As with `docker rmi -f`, an image that is not there is no error.
                if case .unknownImage = error, force { continue }
                throw error
            }
        }
    }
}

struct PruneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "remove blobs and layers that no image has and no sandbox uses")

    @ArgumentParser.Flag(name: .shortAndLong, help: "set-up layers as well, and images of layouts run in place")
    var all = false
    @ArgumentParser.Flag(name: .shortAndLong, help: "nothing is asked, with it or without") var force = false

    func run() throws {
        _ = try UserNamespace.enter(preferring: nil)
        let store = try ImageStore()
        try store.removeMadeUp(outdatedOnly: !all)
        let removed = try store.prune(setup: all)
        if removed.parts > 0 { print("removed \(removed.parts) parts, \(size(removed.bytes))") }
    }
}

struct UsageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "df", abstract: "show what the store takes of the disk")

    @ArgumentParser.Option(help: "text or json") var format = ListFormat.text

    struct Row: Codable {
        var part: String
        var count: Int
        var size: Int64
        /// Bytes that `prune --all` would remove.
        var reclaimable: Int64
    }

    func run() throws {
        _ = try UserNamespace.enter(preferring: nil)
        let rows = try ImageStore().usage().parts.map {
            Row(part: $0.name, count: $0.count, size: $0.bytes, reclaimable: $0.unneeded)
        }
        try list(rows, format, header: ["PART", "COUNT", "SIZE", "RECLAIMABLE"]) {
            [$0.part, String($0.count), sandbox_manage.size($0.size), sandbox_manage.size($0.reclaimable)]
        }
    }
}

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "compare every blob and every unpacked layer with what it should be",
        discussion: "Says nothing where all is well; exit status 1 where damage remains.")

    @ArgumentParser.Flag(help: "unpack damaged layers anew, and get damaged blobs from where they came") var repair =
        false
    @ArgumentParser.Option(help: "text or json") var format = ListFormat.text

    struct Row: Codable {
        var what: String
        var why: String
        var repaired: Bool
    }

    func run() throws {
        // A repair gets images under whatever names they have here.
        let puller = try Puller(isQuiet: true, for: repair ? nil : [])
        let progress = TransferProgress("verify", isQuiet: isatty(2) != 1)
        defer { progress.close() }
        // Trees of ids that are not mapped here can't be compared.
        let modes: [IdentityMode] = puller.mode == .range ? [.range, .single] : [.single]
        var fetch: ((ImageReference, Digest) -> (any ImageSource)?)?
        if repair { fetch = puller.sourceForRepair }
        let damages = try puller.store.verify(
            repairing: fetch, modes: modes, progress: { progress.advance(label: $0, to: 0) })
        progress.close()
        if format == .json || !damages.isEmpty {
            let rows = damages.map { Row(what: $0.what, why: $0.why, repaired: !$0.remains) }
            try list(rows, format, header: ["WHAT", "WHY", "REPAIRED"]) {
                [$0.what, $0.why, $0.repaired ? "yes" : "no"]
            }
        }
        if damages.contains(where: \.remains) { throw ExitCode(1) }
    }
}

enum SaveFormat: String, ExpressibleByArgument, CaseIterable {
    case ociArchive = "oci-archive"
    case ociFolder = "oci-dir"
    case dockerArchive = "docker-archive"
}

struct SaveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save", abstract: "write images to an archive, or to the folder of an OCI layout")

    @ArgumentParser.Argument(help: "the images") var names: [String]
    @ArgumentParser.Option(name: .shortAndLong, help: "the file or folder (default: standard output)") var output:
        String?
    @ArgumentParser.Option(help: "oci-archive, oci-dir or docker-archive") var format = SaveFormat.ociArchive

    func run() throws {
        let references = try names.map(imageReference)
        let store = try ImageStore()
        for reference in references { _ = try store.record(reference) }
        if format == .ociFolder {
            guard let output else { throw ValidationError("oci-dir needs a folder: -o FOLDER") }
            let writer = try OCILayoutWriter(folder: checkedPath(output, store.places, mayBeMissing: true))
            for reference in references { try store.send(reference, to: writer) }
            return
        }
        let archive = try archiveOutput(output, store.places)
        if format == .ociArchive {
            let writer = try OCIArchiveWriter(archive)
            for reference in references { try store.send(reference, to: writer) }
            try writer.close()
        } else {
            let writer = try DockerArchiveWriter(archive)
            for reference in references { try store.send(reference, to: writer) }
            try writer.close()
        }
    }
}

/// A file, or standard output where that is no terminal.
private func archiveOutput(_ path: String?, _ places: Places) throws -> ArchiveOutput {
    if let path, path != "-" { return try ArchiveOutput(file: checkedPath(path, places, mayBeMissing: true)) }
    if isatty(1) == 1 {
        throw ValidationError("an archive is not for a terminal: give -o FILE, or redirect the output")
    }
    return ArchiveOutput(SharedDescriptor(try Descriptor.duplicate(of: 1)), name: "standard output")
}

struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "bring in the images of an archive or an OCI layout; prints their names")

    @ArgumentParser.Argument(help: "NAME[:TAG], for one image that has no name of its own") var name: String?
    @ArgumentParser.Option(name: .shortAndLong, help: "the file or folder (default: standard input)") var input = "-"
    @ArgumentParser.Option(help: "OS/ARCH[/VARIANT] (default: this machine's)") var platform: String?
    @ArgumentParser.OptionGroup var size: ImageSize
    @ArgumentParser.OptionGroup var owners: OwnerChoice
    @ArgumentParser.Flag(name: .shortAndLong, help: "say nothing but errors") var quiet = false

    func run() throws {
        let wanted = try sandbox_manage.platform(platform)
        let given = try name.map(newImageReference)
        if input == "-", isatty(0) == 1 {
            throw ValidationError("an archive is not typed in: give -i FILE, or redirect the input")
        }
        let mode = try owners.enter()
        let store = try ImageStore(size)
        let input = input == "-" ? input : try checkedPath(input, store.places)
        try Confined.toStore(store.places, reading: [input])
        let images = try LoadableImage.all(in: input, scratch: try scratch(store))
        if given != nil, images.count != 1 {
            throw ValidationError("there are \(images.count) images; a name can be given to one alone")
        }
        for (place, image) in images.enumerated() {
            let names = try given.map { [$0] } ?? image.references.map { try newImageReference("\($0)") }
            if names.isEmpty {
                throw ValidationError(
                    "image \(place + 1) has no name\(Self.tags(image)); give one, as sandbox load -i \(input) NAME:TAG")
            }
            let progress = TransferProgress("\(names[0])", isQuiet: quiet)
            defer { progress.close() }
            try store.add(
                image.source, as: names[0], and: Array(names.dropFirst()), platform: wanted, mode: mode,
                progress: progress)
            progress.close()
            for name in names { print(name) }
        }
    }

    private static func tags(_ image: LoadableImage) -> String {
        image.names.isEmpty ? "" : ", only the tag " + image.names.map(quoted).joined(separator: ", ")
    }
}

private func scratch(_ store: ImageStore) throws -> Scratch {
    try Files.makeDirectories(store.places.data)
    return Scratch(
        folder: store.places.data, limit: store.limits.imageBytes, keptFree: store.limits.keptBytes)
}

/// What `run oci:…` asks for: an image outside of the store, under a name made for it.
struct AdoptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "__adopt", shouldDisplay: false)

    @ArgumentParser.Argument var word: String
    @ArgumentParser.Option(help: "what the image is found by", transform: entryKey) var key: EntryKey
    @ArgumentParser.Option var platform: String?
    @ArgumentParser.OptionGroup var size: ImageSize
    @ArgumentParser.OptionGroup var owners: OwnerChoice

    func run() throws {
        let reference = try imageReference(ImageReference.madeUpName(key))
        let wanted = try sandbox_manage.platform(platform)
        let mode = try owners.enter()
        let store = try ImageStore(size)
        let place = try LayoutReference(word)
        try Confined.toStore(store.places, reading: [place.path])
        let image = try place.image(scratch: try scratch(store))
        let progress = TransferProgress(word, isQuiet: false)
        defer { progress.close() }
        try store.add(image.source, as: reference, key: key, platform: wanted, mode: mode, progress: progress)
        try store.forgetEarlier(than: key)
    }
}

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "write the files of an image, or of a kept sandbox, as one tar")

    @ArgumentParser.Argument(help: "a kept sandbox's name, or an image") var name: String
    @ArgumentParser.Option(name: .shortAndLong, help: "the file (default: standard output)") var output: String?

    func run() throws {
        let mode = try UserNamespace.enter(preferring: nil)
        let store = try ImageStore()
        let kept = KeptSandboxes(store.places)
        if kept.names.contains(name) { return try write(try kept.folders(of: name)) }
        try store.withFolders(of: try imageReference(name), mode: mode, write)
    }

    private func write(_ folders: [String]) throws {
        let layers = try folders.map { SharedDescriptor(try Descriptor.open($0, [.readOnly, .directory])) }
        try FlatTar.write(layers: layers, to: try archiveOutput(output, try Surroundings().places))
    }
}

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "print all that is known of an image, as JSON")

    @ArgumentParser.Argument(help: "the image") var name: String

    struct Page: Codable {
        struct Layer: Codable {
            var digest: Digest
            var content: Digest
            /// Bytes as it came, and uncompressed.
            var size: Int64
            var contentSize: Int64
        }

        var name: String
        var digest: Digest
        var platform: String
        var layers: [Layer]
        var manifest: ImageManifest
        var config: ImageConfig
    }

    func run() throws {
        let store = try ImageStore()
        let reference = try imageReference(name)
        try Confined.toReading()
        let record = try store.record(reference)
        let (manifest, _) = try store.manifest(of: record)
        let config = try ImageConfig.parse(
            Data(try Files.read(store.places.blob(record.config), limit: ImageDocument.limit)), of: manifest)
        let layers = zip(record.layers, manifest.layers).map {
            Page.Layer(digest: $0.blob, content: $0.content, size: $1.size, contentSize: $0.size)
        }
        let page = Page(
            name: "\(reference)", digest: record.root, platform: record.platform, layers: Array(layers),
            manifest: manifest, config: config)
        try printJSON(page)
    }
}
