// The images of one user: blobs kept as they came, layers unpacked once for each identity mode, names for both.

import Checksums
import Decompression
import Foundation
import ImageFormat
import LinuxSystem
public import SandboxPolicy

/// The store that `Places` describes. Any number of processes read and write it at the same time.
public struct ImageStore: Sendable {
    public let places: Places
    public let limits: UnpackLimits
    let known = KnownLayers()

    /// - Parameter limits: what one archive may ask for at most.
    public init(_ places: Places, limits: UnpackLimits = UnpackLimits()) {
        self.places = places
        self.limits = limits
    }

    /// Brings the tar of a root file system in under a name, replacing an image of that name.
    /// - Parameters:
    ///   - file: a path, or `-` for standard input; plain or compressed by gzip, zstd, xz or bzip2.
    ///   - mode: what the tree is unpacked for. `.range` wants a user namespace with the ids of the archive mapped.
    ///   - progress: told how many bytes of the file have been read.
    /// - Throws: `ImageStoreError`; then the store is as it was.
    public func importTar(
        from file: String, as reference: ImageReference, mode: IdentityMode,
        progress: @escaping @Sendable (Int64) -> Void = { _ in }
    ) throws(ImageStoreError) {
        let source = try Self.open(file)
        let writing = try Writing(places)
        let blob = try writing.aside(in: places.blobs)
        let tree = try writing.aside(in: places.layers)
        do {
            let sums = try unpack(
                source, file, keptAt: blob, into: tree, mode, budget: try budget(whole: true), progress)
            try writing.flush()
            try writing.claim.ensure(places.blob(sums.archive)) {
                try writing.keep(blob, as: places.blob(sums.archive))
            }
            try writing.claim.ensure(places.layer(sums.content, mode)) {
                try writing.keep(tree, as: places.layer(sums.content, mode))
            }
            // Where they were there already.
            writing.discard([blob, tree])
            try writeImported(sums, reference, writing)
        } catch {
            writing.discard([blob, tree])
            throw Self.typed(error, places)
        }
    }

    /// Makes manifest and config for one imported layer.
    private func writeImported(
        _ sums: ArchiveSource.Sums, _ reference: ImageReference, _ writing: Writing
    ) throws {
        let config = canonicalJSON(ImageConfig(platform: .host, layers: [sums.content]))
        let manifest = ImageManifest(
            config: BlobDescriptor(.ociConfig, ContentDigest.of(config), size: Int64(config.count)),
            layers: [BlobDescriptor(sums.compression.mediaType, sums.archive, size: sums.archiveSize)])
        let bytes = canonicalJSON(manifest)
        let root = ContentDigest.of(bytes)
        for document in [config, bytes] { try writeDocument(document, writing) }
        let layer = ImageRecord.Layer(content: sums.content, blob: sums.archive, size: sums.contentSize)
        try writeRecord(
            ImageRecord(
                root: root, manifest: root, config: manifest.config.digest, platform: "\(Platform.host)",
                layers: [layer], settings: []),
            reference, writing)
    }

    /// Unpacks the kept layers of an image for `mode` where that has not been done.
    public func unpack(_ reference: ImageReference, mode: IdentityMode) throws(ImageStoreError) {
        try unpack(try record(reference), of: reference, mode, try Writing(places))
    }

    /// The same of the image that a kept sandbox was made on.
    public func unpack(
        keptAs name: String, _ reference: ImageReference, mode: IdentityMode
    ) throws(ImageStoreError) {
        guard let record = KeptSandboxes(places).image(of: name) else {
            throw .keptImageGone(name, "\(reference)", nil)
        }
        do throws(ImageStoreError) { try unpack(record, of: reference, mode, try Writing(places)) } catch {
            switch error {
            case .incomplete, .unknownImage: throw .keptImageGone(name, "\(reference)", record.root)
            default: throw error
            }
        }
    }

    /// The same, with blobs and layers held by `writing` from then on.
    func unpack(
        _ record: ImageRecord, of reference: ImageReference, _ mode: IdentityMode, _ writing: Writing
    ) throws(ImageStoreError) {
        do {
            let budget = try budget(whole: true)
            for layer in record.layers {
                try writing.claim.share(places.blob(layer.blob))
                try writing.claim.ensure(places.layer(layer.content, mode)) {
                    guard Files.isAccessible(places.blob(layer.blob), 0) else {
                        // Where the image was removed meanwhile, that it is unknown says it.
                        _ = try self.record(reference)
                        throw ImageStoreError.incomplete("\(reference)", layer.blob)
                    }
                    let tree = try unpackKept(layer, mode, writing, budget)
                    try writing.keep(tree, as: places.layer(layer.content, mode))
                }
            }
        } catch { throw Self.typed(error, places) }
    }

    /// A new tree of a layer whose blob is kept, under a name aside.
    func unpackKept(
        _ layer: ImageRecord.Layer, _ mode: IdentityMode, _ writing: Writing, _ budget: DiskBudget
    ) throws -> String {
        let blob = places.blob(layer.blob)
        return try writing.making(in: places.layers) { tree in
            let sums = try receive(try Self.open(blob), blob, keptAt: nil, into: tree, mode, budget: budget) { _ in }
            guard sums.content == layer.content else { throw ImageStoreError.changedBlob(blob) }
            try writing.flush()
            return tree
        }
    }

    /// Unpacks a tar for `--layer FILE` as the layer that is found by `key`; nothing is done where that is there. What has
    /// its name and another key makes way.
    /// - Parameter stamp: `FileStatus.stamp` of the file that the key is of.
    /// - Throws: `.changedArchive` where it is not that file, or does not stay so while it is read.
    public func unpackTar(
        _ file: String, stamp: String, as key: EntryKey, mode: IdentityMode
    ) throws(ImageStoreError) {
        let source = try Self.open(file)
        func check() throws {
            guard try source.descriptor.status().stamp == stamp else { throw ImageStoreError.changedArchive(file) }
        }
        let writing = try Writing(places)
        let folder = places.setup(key)
        do {
            try check()
            try writing.claim.ensure(
                folder, isThere: { Files.content(Places.setupKey(folder), limit: 1 << 20) == key.encoded }
            ) {
                try writing.making(in: places.setup) { aside in
                    try Files.makeDirectories(aside)
                    let budget = try budget(whole: true)
                    _ = try unpack(
                        source, file, keptAt: nil, into: Places.setupTree(aside), mode, budget: budget
                    ) { _ in }
                    try check()
                    try write(key.encoded, to: Places.setupKey(aside))
                    try writing.flush()
                    if Files.isAccessible(folder, 0) { try Files.removeTree(folder) }
                    try writing.keep(aside, as: folder)
                }
            }
        } catch { throw Self.typed(error, places) }
    }

    /// Keeps a manifest or config.
    func writeDocument(_ bytes: Data, _ writing: Writing) throws {
        let path = places.blob(ContentDigest.of(bytes))
        try writing.claim.ensure(path) {
            try writing.making(in: places.blobs) { aside in
                try write(Array(bytes), to: aside)
                try writing.keep(aside, as: path)
            }
        }
    }

    /// Gives images their names: the last thing done, when all parts are there and held.
    func writeRecords(_ records: [(ImageReference, ImageRecord)], _ writing: Writing) throws {
        var asides: [String] = []
        defer { writing.discard(asides) }
        for (_, record) in records {
            let aside = try writing.aside(in: places.images)
            asides.append(aside)
            try write(record.encoded, to: aside, flushing: records.count == 1)
        }
        if records.count > 1 { try writing.flush() }
        for ((reference, _), aside) in zip(records, asides) {
            do throws(Errno) { try Files.rename(aside, to: places.images + "/" + reference.fileName) } catch {
                throw ImageStoreError.writing("write the record of an image in", places.images, error)
            }
        }
    }

    func writeRecord(_ record: ImageRecord, _ reference: ImageReference, _ writing: Writing) throws {
        try writeRecords([(reference, record)], writing)
    }

    private func write(_ bytes: [UInt8], to path: String, flushing: Bool = true) throws(ImageStoreError) {
        do throws(Errno) {
            let file = try Descriptor.open(path, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
            try file.write(bytes)
            if flushing { try file.sync() }
        } catch { throw .writing("write to", places.data, error) }
    }

    /// What a closure that may throw anything has thrown, in this module's terms.
    static func typed(_ error: any Error, _ places: Places) -> ImageStoreError {
        if let error = error as? ImageStoreError { return error }
        if let errno = error as? Errno { return .writing("write to", places.data, errno) }
        return .fetching("\(error)")
    }

    /// What one image may put on the disk of this store.
    /// - Parameter whole: false where there is only a disk to be kept from filling up.
    func budget(whole: Bool) throws(ImageStoreError) -> DiskBudget {
        do throws(Errno) {
            return try DiskBudget(places.data, limit: whole ? limits.imageBytes : .max, kept: limits.keptBytes)
        } catch { throw .system("look at", places.data, error) }
    }

    static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func open(_ file: String) throws(ImageStoreError) -> SharedDescriptor {
        do throws(Errno) {
            return SharedDescriptor(try Descriptor.openArchive(file))
        } catch { throw .source(name(of: file), error) }
    }

    static func name(of file: String) -> String { file == "-" ? "standard input" : file }
}

extension ImageStore {
    /// What the store knows of an image.
    /// - Throws: `.unknownImage` with the nearest name, `.damagedRecord`.
    public func record(_ reference: ImageReference) throws(ImageStoreError) -> ImageRecord {
        let content: [UInt8]
        do throws(Errno) { content = try Files.read(places.images + "/" + reference.fileName) } catch .noEntry {
            let names = try images().map(\.reference.description)
            throw .unknownImage("\(reference)", near: Nearest.name(to: "\(reference)", among: names))
        } catch { throw .system("read the record of image", "\(reference)", error) }
        guard let record = ImageRecord(encoded: content) else { throw .damagedRecord("\(reference)") }
        return record
    }

    /// One image as `sandbox images` lists it.
    public struct Summary: Equatable, Sendable {
        public let reference: ImageReference
        /// Nil where it is damaged.
        public let record: ImageRecord?
        /// Bytes of its layers, uncompressed: all of them, and of those that no other image has.
        public let size: Int64
        public let uniqueSize: Int64
        /// Nanoseconds since the epoch.
        public let added: Int64
    }

    /// All images, by name.
    public func images() throws(ImageStoreError) -> [Summary] {
        do throws(Errno) {
            var found: [(reference: ImageReference, record: ImageRecord?, added: Int64)] = []
            var users: [Digest: Set<Digest>] = [:]
            for file in try Descriptor.open(places.images, [.readOnly, .directory]).names() where !file.hasPrefix(".") {
                guard let reference = ImageReference(fileName: file) else { continue }
                let path = places.images + "/" + file
                do throws(Errno) {
                    let record = ImageRecord(encoded: try Files.read(path))
                    found.append((reference, record, try FileStatus.of(path).modified))
                    // Two names of one image share everything, which is no sharing between images.
                    for layer in record?.layers ?? [] {
                        users[layer.content, default: []].insert(record?.manifest ?? layer.content)
                    }
                } catch .noEntry { continue }  // Removed meanwhile.
            }
            return found.map { image in
                let layers = image.record?.layers ?? []
                let own = layers.filter { users[$0.content]?.count == 1 }
                return Summary(
                    reference: image.reference, record: image.record, size: layers.reduce(0) { $0 + $1.size },
                    uniqueSize: own.reduce(0) { $0 + $1.size }, added: image.added)
            }.sorted { $0.reference.description < $1.reference.description }
        } catch .noEntry { return [] } catch { throw .system("list the images in", places.images, error) }
    }
}
