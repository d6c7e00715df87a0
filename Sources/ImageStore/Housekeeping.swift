// Names given and taken away, and what nobody needs any more.

import LinuxSystem
public import SandboxPolicy

/// What was removed: how many parts, and how many bytes they had on disk.
public struct Removed: Equatable, Sendable {
    public var parts = 0
    public var bytes: Int64 = 0
}

extension ImageStore {
    /// Gives an image a second name, replacing an image of that name.
    public func tag(_ reference: ImageReference, as new: ImageReference) throws(ImageStoreError) {
        let writing = try Writing(places)
        let record = try record(reference)
        do {
            // The parts stay while the new name is being written, whoever removes the old one meanwhile.
            for path in parts(of: record) where Files.isAccessible(path, 0) { try writing.claim.share(path) }
            for digest in record.blobs where !Files.isAccessible(places.blob(digest), 0) {
                throw ImageStoreError.unknownImage("\(reference)", near: nil)
            }
            try writeRecord(record, new, writing)
        } catch { throw Self.typed(error, places) }
    }

    /// Takes a name away, and removes what no other image has and nobody uses.
    /// - Parameter force: also where a sandbox uses the image; its layers go with the next `prune` after that has ended.
    @discardableResult
    public func remove(_ reference: ImageReference, force: Bool = false) throws(ImageStoreError) -> Removed {
        let record: ImageRecord?
        do throws(ImageStoreError) { record = try self.record(reference) } catch .damagedRecord { record = nil }
        let writing = try Writing(places)
        if let record, !force, let user = try user(of: record, besides: reference, writing) {
            throw .imageInUse("\(reference)", by: user)
        }
        do throws(Errno) { try Files.remove(places.images + "/" + reference.fileName) } catch .noEntry {
            throw .unknownImage("\(reference)", near: nil)
        } catch { throw .system("remove", "\(reference)", error) }
        return try sweep(record.map { Set(parts(of: $0)) } ?? [], writing)
    }

    /// Takes away the names of images that were run from where they are, but where a sandbox uses one.
    /// - Parameter outdatedOnly: those that no run finds any more.
    public func removeMadeUp(outdatedOnly: Bool) throws(ImageStoreError) {
        for image in try images() where image.reference.isMadeUp {
            let isFound = image.record?.key.map(Self.isFound) ?? true
            if outdatedOnly, !image.reference.isOutdated, isFound { continue }
            do throws(ImageStoreError) { try remove(image.reference) } catch .imageInUse {}
        }
    }

    /// Takes away what the same words stood for before the layout or archive there changed.
    public func forgetEarlier(than key: EntryKey) throws(ImageStoreError) {
        let words = key.words
        guard words.count >= 5 else { return }
        for image in try images() where image.reference.isMadeUp {
            guard let other = image.record?.key, other != key, other.words.count == words.count,
                other.words[..<3] == words[..<3], other.words[5...] == words[5...]
            else { continue }
            do throws(ImageStoreError) { try remove(image.reference) } catch .imageInUse {} catch .unknownImage {}
        }
    }

    /// Whether the file or folder that a key was made of is there as it was then. The words are the kind, what was
    /// written, the folder it is relative to, and the stamps of the path and of the index in it.
    private static func isFound(_ key: EntryKey) -> Bool {
        let words = key.words
        guard words.count >= 5, let kind = LayoutKind(of: words[1]) else { return true }
        let path = words[1].dropFirst(kind.prefix.count).prefix { $0 != ":" }
        let whole = path.hasPrefix("/") ? String(path) : words[2] + "/" + path
        return [whole, whole + "/index.json"].map { FileStatus.stamp(of: $0) } == Array(words[3...4])
    }

    /// Removes every blob and layer that no image has and nobody uses, and what an earlier version named by a weaker
    /// hash, which nothing finds any more.
    /// - Parameter setup: also the layers that set-up commands made, which are made anew when they are needed.
    public func prune(setup: Bool = false) throws(ImageStoreError) -> Removed {
        let writing = try Writing(places)
        let folders = [places.blobs, places.layers] + (setup ? [places.setup] : [])
        let candidates = folders.flatMap { folder in KeptSandboxes.entries(folder).map { folder + "/" + $0 } }
        var removed = try sweep(Set(candidates + outdated(in: places.setup)), writing)
        for folder in [places.profileCache, places.filterCache, places.denied, places.trust] {
            for path in outdated(in: folder) {
                let bytes = DiskUsage.of(path)
                do throws(Errno) { try Files.remove(path) } catch { throw .system("remove", path, error) }
                removed = Removed(parts: removed.parts + 1, bytes: removed.bytes + bytes)
            }
        }
        return removed
    }

    private func outdated(in folder: String) -> [String] {
        KeptSandboxes.entries(folder).filter { EntryKey.isOutdated(name: $0) }.map { folder + "/" + $0 }
    }

    /// All paths that an image is made of, in whatever mode.
    private func parts(of record: ImageRecord) -> [String] {
        record.blobs.map(places.blob)
            + record.layers.flatMap { layer in IdentityMode.allCases.map { places.layer(layer.content, $0) } }
    }

    /// Who keeps an image from being removed: a kept sandbox, or a running one.
    private func user(
        of record: ImageRecord, besides reference: ImageReference, _ writing: Writing
    ) throws(ImageStoreError) -> String? {
        let kept = KeptSandboxes(places)
        // One that is on another image keeps what it shares with this: the name may have meant that one before.
        let users = kept.names.filter { kept.image(of: $0)?.manifest ?? record.manifest == record.manifest }
        for name in users where kept.root(of: name) == reference { return "the kept sandbox \(name)" }
        let others = try images().filter { $0.reference != reference }
        if others.contains(where: { $0.record?.manifest == record.manifest }) { return nil }
        let shared = Set(others.flatMap { $0.record?.layers.map(\.content) ?? [] })
        let own = record.layers.filter { !shared.contains($0.content) }
        let trees = own.flatMap { layer in IdentityMode.allCases.map { places.layer(layer.content, $0) } }
        for name in users where kept.lowers(of: name).contains(where: { trees.contains($0) }) {
            return "the kept sandbox \(name)"
        }
        do throws(Errno) {
            for tree in trees {
                guard try writing.claim.take(tree) else { return "a running sandbox" }
                try writing.claim.release(tree)
            }
        } catch { throw .system("lock", places.data, error) }
        return nil
    }

    /// Removes those of `candidates` that are not needed.
    private func sweep(_ candidates: Set<String>, _ writing: Writing) throws(ImageStoreError) -> Removed {
        do {
            // Looked at again once they are locked: an image may have got its name meanwhile.
            let gone = try writing.remove(candidates.subtracting(try needed()).sorted(), unless: needed)
            return Removed(parts: gone.count, bytes: gone.reduce(0) { $0 + $1.bytes })
        } catch { throw Self.typed(error, places) }
    }

    /// What images and kept sandboxes are made of.
    private func needed() throws(ImageStoreError) -> Set<String> {
        var needed: Set<String> = []
        for image in try images() {
            // What a damaged record stands for is not known: then nothing may go.
            guard let record = image.record else { throw .damagedRecord("\(image.reference)") }
            needed.formUnion(parts(of: record))
        }
        let kept = KeptSandboxes(places)
        for name in kept.names {
            // All of it: in another identity mode its layers are unpacked anew.
            if let image = kept.image(of: name) { needed.formUnion(parts(of: image)) }
            for lower in kept.lowers(of: name) {
                needed.insert(lower)
                // A set-up layer is a folder within its own.
                if lower.hasSuffix("/upper") { needed.insert(String(lower.dropLast(6))) }
            }
        }
        return needed
    }
}

/// What a store holds, in bytes on disk.
public struct StoreUsage: Equatable, Sendable {
    public struct Part: Equatable, Sendable {
        public let name: String
        public let count: Int
        public let bytes: Int64
        /// Bytes that no image and no kept sandbox needs.
        public let unneeded: Int64
    }

    public let parts: [Part]
}

extension ImageStore {
    public func usage() throws(ImageStoreError) -> StoreUsage {
        let needed = try needed()
        var parts: [StoreUsage.Part] = []
        for (name, folder) in [
            ("blobs", places.blobs), ("layers", places.layers), ("set-up layers", places.setup),
            ("sandboxes", places.sandboxes),
        ] {
            var (count, bytes, unneeded) = (0, Int64(0), Int64(0))
            for entry in KeptSandboxes.entries(folder) {
                let size = DiskUsage.of(folder + "/" + entry)
                count += 1
                bytes += size
                let isKept = folder == places.sandboxes || needed.contains(folder + "/" + entry)
                if !isKept { unneeded += size }
            }
            parts.append(StoreUsage.Part(name: name, count: count, bytes: bytes, unneeded: unneeded))
        }
        return StoreUsage(parts: parts + [unfinished])
    }
}

extension ImageStore {
    /// What writers are writing, or were when they were interrupted: the next writer, and `prune`, remove that.
    private var unfinished: StoreUsage.Part {
        var (count, bytes) = (0, Int64(0))
        for folder in [places.images, places.blobs, places.layers, places.setup] {
            for path in Writing.unfinished(in: folder) {
                count += 1
                bytes += DiskUsage.of(path)
            }
        }
        return StoreUsage.Part(name: "unfinished", count: count, bytes: bytes, unneeded: bytes)
    }
}

enum DiskUsage {
    /// Bytes of the files at and below `path`; what can't be read counts nothing.
    static func of(_ path: String) -> Int64 {
        do throws(Errno) {
            let status = try FileStatus.ofLink(path)
            if status.kind != .directory { return status.size }
            return try of(SharedDescriptor(Descriptor.open(path, [.readOnly, .directory, .noFollow])))
        } catch { return 0 }
    }

    /// Of any depth: a sandbox may have nested folders without end.
    static func of(_ top: SharedDescriptor) throws(Errno) -> Int64 {
        var total: Int64 = 0
        var walk = FolderWalk(top)
        // What is still to be entered, for each folder on the way.
        var waiting = [try folders(of: top, &total)]
        while let name = waiting.last {
            guard let next = name.last else {
                waiting.removeLast()
                // What was moved away meanwhile is left out.
                do throws(Errno) { if !waiting.isEmpty { try walk.leave() } } catch { waiting[waiting.count - 1] = [] }
                continue
            }
            waiting[waiting.count - 1].removeLast()
            do throws(Errno) { try walk.enter(next) } catch { continue }
            do throws(Errno) { waiting.append(try folders(of: walk.current, &total)) } catch { waiting.append([]) }
        }
        return total
    }

    /// The names of the folders in one, whose files are added.
    private static func folders(of folder: SharedDescriptor, _ total: inout Int64) throws(Errno) -> [FileName] {
        var folders: [FileName] = []
        for name in try folder.descriptor.fileNames() {
            guard let status = try folder.descriptor.status(of: name) else { continue }
            if status.kind == .directory { folders.append(name) }
            if status.kind == .regular { total += status.size }
        }
        return folders
    }
}
