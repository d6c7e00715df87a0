// Who may use and who may make a part of the store. A part is a path: a blob, or a folder of layers.

import Foundation
import LinuxSystem
import SandboxPolicy
import Synchronization

/// Locks on parts of a store, held for as long as this lives: shared by those who use a part, alone by the one who makes
/// or removes it. They are bytes of one file, so a killed process leaves none behind.
final class Claim: Sendable {
    private let file: SharedDescriptor
    /// Of each byte that is locked, or about to be, the parts that it stands for: it is let go of with the last.
    private let held = Mutex<[Int64: Set<String>]>([:])

    init(_ places: Places) throws(Errno) {
        file = SharedDescriptor(try .open(places.lock, [.readWrite, .create, .noFollow], mode: 0o600))
    }

    /// Waits while the part is being made or removed; then it stays as it is.
    func share(_ path: String) throws(Errno) {
        try lock(path, exclusive: false, wait: true)
    }

    /// - Returns: false where others use the part, or make it.
    func take(_ path: String) throws(Errno) -> Bool {
        do throws(Errno) {
            try lock(path, exclusive: true, wait: false)
            return true
        } catch .wouldBlock { return false } catch .access { return false }
    }

    func release(_ path: String) throws(Errno) {
        let offset = Places.lockOffset(of: path)
        try held.withLock { held throws(Errno) in
            held[offset]?.remove(path)
            guard held[offset]?.isEmpty ?? true else { return }
            held[offset] = nil
            try file.descriptor.unlockByte(at: offset)
        }
    }

    private func lock(_ path: String, exclusive: Bool, wait: Bool) throws(Errno) {
        let offset = Places.lockOffset(of: path)
        let isNew = held.withLock { $0[offset, default: []].insert(path).inserted }
        do throws(Errno) { try file.descriptor.lockByte(at: offset, exclusive: exclusive, wait: wait) } catch {
            if isNew { try release(path) }
            throw error
        }
    }

    /// Holds the part in common with its other users, having made it where it was missing. Whoever comes second waits
    /// for the first, and finds it made.
    /// - Parameter isThere: whether what stands there is the part; nil: whatever has its name is.
    func ensure(_ path: String, isThere: (() -> Bool)? = nil, _ make: () throws -> Void) throws {
        let isMade = { isThere?() ?? Files.isAccessible(path, 0) }
        while true {
            try share(path)
            if isMade() { return }
            try release(path)
            // Without waiting: to wait for the others' end while holding parts they wait for would be for ever.
            guard try take(path) else {
                Thread.sleep(forTimeInterval: 0.005)
                continue
            }
            do {
                if !isMade() { try make() }
                try share(path)
                return
            } catch {
                try release(path)
                throw error
            }
        }
    }
}
