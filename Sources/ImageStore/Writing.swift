// What is being written to a store: made aside, kept whole, or cleared away.

import Foundation
import LinuxSystem
import SandboxPolicy

/// One writer of a store among any number of others. What it makes is called `.tmp-…` until it is whole and on the
/// disk; what a killed writer has left of that is removed by the next.
final class Writing: Sendable {
    let claim: Claim
    private let places: Places
    private static let mark = ".tmp-"
    /// What `version` of a store says that this program can write to.
    static let version = 1

    init(_ places: Places) throws(ImageStoreError) {
        self.places = places
        do throws(Errno) {
            let folders = [places.images, places.blobs, places.layers, places.setup]
            for folder in [places.data] + folders { try Files.makeDirectories(folder) }
            let status = try FileStatus.of(places.data)
            guard status.owner == Process.effectiveUser else { throw .permission }
            // Set-id files of layers are for nobody else, whoever made the folder.
            if status.permissions & 0o077 != 0 {
                try Descriptor.open(places.data, [.readOnly, .directory]).setMode(0o700)
            }
            claim = try Claim(places)
        } catch { throw .writing("write to", places.data, error) }
        try checkVersion()
        for folder in [places.images, places.blobs, places.layers, places.setup] { clear(folder) }
    }

    private func checkVersion() throws(ImageStoreError) {
        let path = places.data + "/version"
        if let text = Files.text(path, limit: 64) {
            guard let number = Int(text.prefix { $0 != "\n" }) else { throw .system("read", path, .invalid) }
            if number > Self.version { throw .newerStore(places.data, number) }
            return
        }
        // Aside in a folder that is cleared of what a killed writer leaves.
        let aside = try aside(in: places.images)
        do throws(Errno) {
            try Descriptor.open(aside, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
                .write(Array("\(Self.version)\n".utf8))
            try Files.rename(aside, to: path)
            try claim.release(aside)
        } catch {
            discard([aside])
            throw .writing("write to", places.data, error)
        }
    }

    /// A new name in `folder` for something unfinished, this writer's own.
    func aside(in folder: String) throws(ImageStoreError) -> String {
        do throws(Errno) {
            try Files.makeDirectories(folder)
            // No two are ever the same.
            let path = "\(folder)/\(Self.mark)\(UUID().uuidString)"
            guard try claim.take(path) else { throw .busy }
            return path
        } catch { throw .writing("make", folder, error) }
    }

    /// Hands a new name in `folder` to `make`; what stands there when that fails is removed.
    func making<Made>(in folder: String, _ make: (String) throws -> Made) throws -> Made {
        let path = try aside(in: folder)
        do { return try make(path) } catch {
            discard([path])
            throw error
        }
    }

    /// Everything written so far is on the disk.
    func flush() throws(ImageStoreError) {
        do throws(Errno) { try Descriptor.open(places.data, [.readOnly, .directory]).syncFileSystem() } catch {
            throw .writing("write to", places.data, error)
        }
    }

    /// Gives something finished and flushed its name; what has that name already is the same.
    func keep(_ aside: String, as path: String) throws(ImageStoreError) {
        if Files.isAccessible(path, 0) { return discard([aside]) }
        do throws(Errno) {
            try Files.rename(aside, to: path)
            try claim.release(aside)
        } catch { throw .writing("keep", path, error) }
    }

    /// Removes what is not to be kept. What can't be removed now is left to the next writer.
    func discard(_ unfinished: [String]) {
        for path in unfinished {
            do throws(Errno) {
                try Files.removeTree(path)
                try claim.release(path)
            } catch { continue }
        }
    }

    /// Removes those of `paths` that nobody uses and nobody wants: from the first moment on they are parts no more.
    /// - Parameter wanted: asked once, when all that may go are locked.
    /// - Returns: those that were there and went, and the bytes they had on disk.
    func remove(_ paths: [String], unless wanted: () throws -> Set<String>) throws -> [(path: String, bytes: Int64)] {
        let taken = try paths.filter { try claim.take($0) }
        let wanted = try taken.isEmpty ? [] : wanted()
        var unwanted: [(path: String, aside: String)] = []
        for path in taken where !wanted.contains(path) {
            let place = try aside(in: ImageStore.parent(path))
            do throws(Errno) {
                try Files.rename(path, to: place)
                unwanted.append((path, place))
            } catch .noEntry { try claim.release(place) } catch {
                throw ImageStoreError.writing("remove", path, error)
            }
        }
        // What has no name any more is in nobody's way: it may take its time.
        for path in taken { try claim.release(path) }
        return unwanted.map {
            let bytes = DiskUsage.of($0.aside)
            discard([$0.aside])
            return ($0.path, bytes)
        }
    }

    /// What stands in a folder under a name that is not its last.
    static func unfinished(in folder: String) -> [String] {
        do throws(Errno) {
            return try Descriptor.open(folder, [.readOnly, .directory]).names().filter { $0.hasPrefix(mark) }
                .map { folder + "/" + $0 }
        } catch { return [] }
    }

    private func clear(_ folder: String) {
        do throws(Errno) {
            let opened = try Descriptor.open(folder, [.readOnly, .directory])
            for name in try opened.fileNames() {
                let text = String(decoding: name.bytes, as: UTF8.self)
                guard text.hasPrefix(Self.mark), try claim.take(folder + "/" + text) else { continue }
                // What belongs to ids that are not mapped now goes when they are.
                do throws(Errno) { try opened.removeTree(name) } catch {}
                try claim.release(folder + "/" + text)
            }
        } catch { return }
    }
}
