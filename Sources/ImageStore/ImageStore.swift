// The images of one user: archives brought in, kept as they came, unpacked once for each identity mode.

import LinuxSystem
public import SandboxPolicy

/// The store that `Places` describes. Whatever is made is written aside as `.tmp-…` in the folder where it will be,
/// flushed, and renamed: a reader sees the whole or nothing, and the next writer removes what a killed one has left.
public struct ImageStore: Sendable {
    public let places: Places
    let limits: UnpackLimits

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
        progress: @escaping (Int64) -> Void = { _ in }
    ) throws(ImageStoreError) {
        let source = try Self.open(file)
        let lock = try Writing(places)
        defer { lock.end() }
        let blob = try lock.aside(in: places.blobs, .blob)
        let tree = try lock.aside(in: places.data + "/layers", .layer)
        do throws(ImageStoreError) {
            let digest = try unpack(source, file, keptAt: blob, into: tree, mode, progress).content
            try lock.keep(blob, as: places.blobs + "/" + digest.dropFirst(7))
            try lock.keep(tree, as: places.layer(digest, mode))
            try writeRecord(ImageRecord(layers: [digest], settings: []), reference, lock)
        } catch {
            lock.discard([blob, tree])
            throw error
        }
    }

    /// Unpacks the kept layers of an image for `mode` where that has not been done.
    public func unpack(_ reference: ImageReference, mode: IdentityMode) throws(ImageStoreError) {
        let layers = try record(reference).layers
        let lock = try Writing(places)
        defer { lock.end() }
        for digest in layers where !Files.isAccessible(places.layer(digest, mode), 0) {
            let blob = places.blobs + "/" + digest.dropFirst(7)
            let tree = try lock.aside(in: places.data + "/layers", .layer)
            do throws(ImageStoreError) {
                guard try unpack(try Self.open(blob), blob, keptAt: nil, into: tree, mode, { _ in }).content == digest
                else {
                    throw .changedBlob(blob)
                }
                try lock.keep(tree, as: places.layer(digest, mode))
            } catch {
                lock.discard([tree])
                throw error
            }
        }
    }

    /// Unpacks a tar as the layer `folder`, for `--layer FILE`; nothing is done where the folder is there.
    public func unpackTar(
        _ file: String, into folder: String, mode: IdentityMode
    ) throws(ImageStoreError) {
        if Files.isAccessible(folder, 0) { return }
        let source = try Self.open(file)
        let lock = try Writing(places)
        defer { lock.end() }
        let tree = try lock.aside(in: Self.parent(folder), .layer)
        do throws(ImageStoreError) {
            _ = try unpack(source, file, keptAt: nil, into: tree, mode, { _ in })
            try lock.keep(tree, as: folder)
        } catch {
            lock.discard([tree])
            throw error
        }
    }

    private func writeRecord(
        _ record: ImageRecord, _ reference: ImageReference, _ lock: Writing
    ) throws(ImageStoreError) {
        let aside = try lock.aside(in: places.images, .record)
        do throws(Errno) {
            let file = try Descriptor.open(aside, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
            try file.write(record.encoded)
            try file.sync()
            try Files.rename(aside, to: places.images + "/" + reference.fileName)
        } catch {
            lock.discard([aside])
            throw .writing("write the record of an image in", places.images, error)
        }
    }

    private static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func open(_ file: String) throws(ImageStoreError) -> SharedDescriptor {
        do throws(Errno) {
            let source =
                file == "-"
                ? try Descriptor.duplicate(of: 0) : try Descriptor.open(file, [.readOnly, .noControllingTerminal])
            if try source.status().kind == .directory { throw .isDirectory }
            return SharedDescriptor(source)
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
        /// Lowest first; none where the record is damaged.
        public let layers: [String]
        /// Bytes of the kept archives.
        public let size: Int64
        /// Nanoseconds since the epoch.
        public let imported: Int64
    }

    /// All images, by name.
    public func images() throws(ImageStoreError) -> [Summary] {
        do throws(Errno) {
            var found: [Summary] = []
            for file in try Descriptor.open(places.images, [.readOnly, .directory]).names() where !file.hasPrefix(".") {
                guard let reference = ImageReference(fileName: file) else { continue }
                let path = places.images + "/" + file
                let layers = ImageRecord(encoded: try Files.read(path))?.layers ?? []
                let sizes = layers.map { size(of: places.blobs + "/" + $0.dropFirst(7)) }
                found.append(
                    Summary(
                        reference: reference, layers: layers, size: sizes.reduce(0, +),
                        imported: try FileStatus.of(path).modified))
            }
            return found.sorted { $0.reference.description < $1.reference.description }
        } catch .noEntry { return [] } catch { throw .system("list the images in", places.images, error) }
    }

    private func size(of path: String) -> Int64 {
        do throws(Errno) { return try FileStatus.of(path).size } catch { return 0 }
    }
}
