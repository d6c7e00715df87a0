// One archive from its file to a tree, with every failure told in the user's terms.

import Decompression
import LinuxSystem
import SandboxPolicy

extension ImageStore {
    /// Unpacks an archive into the new folder `tree` and, if wanted, keeps the file itself.
    /// - Returns: digests and sizes of the archive.
    func unpack(
        _ input: SharedDescriptor, _ file: String, keptAt blob: String?, into tree: String, _ mode: IdentityMode,
        budget: DiskBudget, _ progress: @escaping (Int64) -> Void
    ) throws(ImageStoreError) -> ArchiveSource.Sums {
        try receive(
            input, Self.name(of: file), isLayer: false, keptAt: blob, into: tree, mode, budget: budget, progress)
    }

    /// Reads an archive to its end: keeps it at `blob`, and unpacks it into the new folder `tree`, as far as these are
    /// given.
    func receive(
        _ input: SharedDescriptor, _ name: String, isLayer: Bool = true, keptAt blob: String?, into tree: String?,
        _ mode: IdentityMode, budget: DiskBudget?, _ progress: @escaping (Int64) -> Void
    ) throws(ImageStoreError) -> ArchiveSource.Sums {
        var copy: SharedDescriptor?
        var unpacker: Unpacker?
        let source: ArchiveSource
        do throws(Errno) {
            if let blob {
                copy = SharedDescriptor(
                    try Descriptor.open(blob, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600))
            }
            if let tree {
                try Files.makeDirectories(tree, mode: 0o700)
                let root = SharedDescriptor(try Descriptor.open(tree, [.readOnly, .directory, .noFollow]))
                unpacker = try Unpacker(root: root, mode: mode)
            }
            source = try ArchiveSource(input, copy: copy, limit: limits.bytes, isLayer: isLayer, progress: progress)
            source.budget = budget
            (source.isKept, source.isLaid) = (blob != nil, tree != nil)
        } catch { throw .writing("write to", places.data, error) }
        if var laying = unpacker { try layEntries(of: source, name, isLayer, by: &laying) }
        guard let sums = source.finish() else { throw failure(of: source, name, otherwise: .notTar(name)) }
        return sums
    }

    /// Bytes that any file takes of a disk, be it empty.
    private static let entryCost: Int64 = 4096

    private func layEntries(
        of source: ArchiveSource, _ name: String, _ isLayer: Bool, by unpacker: inout Unpacker
    ) throws(ImageStoreError) {
        let reader = TarReader(source)
        var entries = 0
        var size: Int64 = 0
        do throws(TarReader.Failure) {
            while let entry = try next(of: reader, isFirst: entries == 0, isLayer, source) {
                entries += 1
                // Holes cost no bytes of the archive, but of everybody who reads the file.
                size += min(max(entry.size, 0), limits.bytes + 1)
                if size > limits.bytes { throw .tooManyBytes }
                if let shortage = source.take(Self.entryCost) { throw shortage }
                // A tree walk opens a folder or two for an entry. To jump about in deep ones takes time without end.
                if entries > limits.entries || unpacker.foldersOpened / 16 > limits.entries { throw .tooManyEntries }
                try lay(entry, unpacker: &unpacker, reader, name)
            }
            if entries == 0, !isLayer { throw .noEntries }
            // Cut off between two entries, all that is there reads well: only the mark of the end is missing. A layer's
            // digest says whether it is whole, and some builders write no mark.
            let end = isLayer ? 0 : reader.endOfEntries + 512
            while source.size < end {
                guard let bytes = source.next() else { throw .source }
                if bytes.isEmpty { throw .damaged("it ends before its end mark") }
            }
            do throws(EntryFault) { try unpacker.finish() } catch { throw .entry([], error) }
        } catch { throw storeError(error, source, name) }
    }

    /// The next entry. A layer may have none, and then also no bytes at all.
    private func next(
        of reader: TarReader, isFirst: Bool, _ isLayer: Bool, _ source: ArchiveSource
    ) throws(TarReader.Failure) -> TarEntry? {
        do throws(TarReader.Failure) {
            if isFirst { try reader.open() }
            return try reader.next(isFirst: isFirst)
        } catch .notTar where isLayer && source.size == 0 && source.failure == nil { return nil }
    }

    private func lay(
        _ entry: TarEntry, unpacker: inout Unpacker, _ reader: TarReader, _ name: String
    ) throws(TarReader.Failure) {
        var failure: TarReader.Failure?
        do throws(EntryFault) {
            try unpacker.lay(entry) { file in
                do throws(TarReader.Failure) {
                    try reader.copyContent(to: file, size: entry.size)
                    return nil
                } catch {
                    failure = error
                    return error
                }
            }
        } catch { throw .entry(entry.name, error) }
        if let failure { throw failure }
    }

    private func storeError(_ failure: TarReader.Failure, _ source: ArchiveSource, _ name: String) -> ImageStoreError {
        switch failure {
        case .source: return self.failure(of: source, name, otherwise: .notTar(name))
        case .notTar: return .notTar(name)
        case .noEntries: return .noEntries(name)
        case .tooManyBytes: return .layerTooLarge(name, limits.bytes)
        case .tooManyEntries: return .tooManyEntries(name, limits.entries)
        case .damaged(let reason): return .damaged(name, reason)
        case .write(let errno): return .writing("write to", places.data, errno)
        case .entry(_, .system(_, let errno)) where ImageStoreError.isFull(errno): return .noSpace(places.data)
        case .entry(let entry, let fault): return .entry(source: name, name: entry, fault)
        }
    }

    private func failure(
        of source: ArchiveSource, _ name: String, otherwise: ImageStoreError
    ) -> ImageStoreError {
        switch source.failure {
        case .read(let errno): .source(name, errno)
        case .copy(let errno): .writing("keep the archive in", places.blobs, errno)
        case .damaged(let reason): .damaged(name, reason)
        case .empty: .emptySource(name)
        case .tooLarge(let limit): .layerTooLarge(name, limit)
        case .disk(.tooMuch(let limit)): .imageTooLarge(limit)
        case .disk(.tooLittleLeft(let free, let kept)): .tooLittleLeft(places.data, free: free, kept: kept)
        case .stopped, nil: otherwise
        }
    }
}
