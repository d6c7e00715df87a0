// A layer that set-up commands make: in a folder of its maker's own, which becomes the layer whole or goes.

import LinuxSystem
public import SandboxPolicy

extension ImageStore {
    /// Has the layer of a key, made by `make` where it is missing. Who needs it at the same time waits, and nobody takes
    /// what is unfinished for garbage: it is held, as the layer is, until it has its name.
    /// - Parameters:
    ///   - key: what the layer is found by.
    ///   - remove: removes a tree, whatever ids its files have.
    ///   - make: is given a new folder.
    /// - Throws: `ImageStoreError`, or what `make` throws; then nothing is kept.
    public func setUp(
        _ key: EntryKey, removingBy remove: (String) throws -> Void, _ make: (String) throws -> Void
    ) throws {
        let folder = places.setup(key)
        let writing = try Writing(places)
        try writing.claim.ensure(
            folder, isThere: { Files.content(Places.setupKey(folder), limit: 1 << 20) == key.encoded }
        ) {
            let aside = try writing.aside(in: places.setup)
            do {
                try Files.makeDirectories(aside)
                try make(aside)
                try Files.replace(Places.setupKey(aside), with: key.encoded)
                // What a lost disk has left, or has another key.
                if Files.isAccessible(folder, 0) { try remove(folder) }
                try Files.rename(aside, to: folder)
            } catch {
                let failure = error
                // What can't be removed now is left to the next writer, as after a kill.
                do { try remove(aside) } catch {}
                try writing.claim.release(aside)
                throw failure
            }
            try writing.claim.release(aside)
        }
    }
}
