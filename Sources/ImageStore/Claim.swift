// Who may use and who may make a part of the store. A part is a path: a blob, or a folder of layers.

import Foundation
import LinuxSystem
import SandboxPolicy

/// Locks on parts of a store, held for as long as this lives: shared by those who use a part, alone by the one who makes
/// or removes it. They are bytes of one file, so a killed process leaves none behind.
final class Claim: Sendable {
    private let file: SharedDescriptor

    init(_ places: Places) throws(Errno) {
        file = SharedDescriptor(try .open(places.lock, [.readWrite, .create, .noFollow], mode: 0o600))
    }

    /// Waits while the part is being made or removed; then it stays as it is.
    func share(_ path: String) throws(Errno) {
        try file.descriptor.lockByte(at: Places.lockOffset(of: path), exclusive: false, wait: true)
    }

    /// - Returns: false where others use the part, or make it.
    func take(_ path: String) throws(Errno) -> Bool {
        do throws(Errno) {
            try file.descriptor.lockByte(at: Places.lockOffset(of: path), exclusive: true, wait: false)
            return true
        } catch .wouldBlock { return false } catch .access { return false }
    }

    func release(_ path: String) throws(Errno) {
        try file.descriptor.unlockByte(at: Places.lockOffset(of: path))
    }

    /// Holds the part in common with its other users, having made it where it was missing. Whoever comes second waits
    /// for the first, and finds it made.
    func ensure(_ path: String, _ make: () throws -> Void) throws {
        while true {
            try share(path)
            if Files.isAccessible(path, 0) { return }
            try release(path)
            // Without waiting: to wait for the others' end while holding parts they wait for would be for ever.
            guard try take(path) else {
                Thread.sleep(forTimeInterval: 0.005)
                continue
            }
            do {
                if !Files.isAccessible(path, 0) { try make() }
                try share(path)
                return
            } catch {
                try release(path)
                throw error
            }
        }
    }
}
