// Which profiles of projects the user trusts, each in the state in which it was read.

import LinuxSystem
public import SandboxPolicy

/// The trust folder: one file for each trusted profile, holding its path and its whole content at that time.
public struct ProfileTrust: Sendable {
    public enum State: Equatable, Sendable { case trusted, changed, unknown }

    private let folder: String
    private static let signature = "sandbox-trust-1"

    public init(places: Places) { folder = places.trust }

    /// The record of one profile.
    /// - Parameter file: without links.
    public func record(of file: String) -> String { "\(folder)/\(EntryKey("trust", [file]).name)" }

    public func state(of file: String, content: [UInt8]) -> State {
        let head = Words.join([Self.signature, file])
        do {
            var ownership = Ownership()
            let record = try ownership.openRegular(record(of: file), .noFollow)?.readAll(limit: 2 << 20) ?? []
            guard record.starts(with: head) else { return .unknown }
            return record.dropFirst(head.count).elementsEqual(content) ? .trusted : .changed
        } catch {
            return .unknown
        }
    }

    public func trust(_ file: String, content: [UInt8]) throws(ProfileError) {
        do {
            try Files.makeDirectories(folder, mode: 0o700)
            try Files.replace(record(of: file), with: Words.join([Self.signature, file]) + content)
        } catch {
            throw .notWritten(record(of: file), error)
        }
    }

    /// Forgets the profile; nothing happens where it was not trusted.
    public func revoke(_ file: String) throws(ProfileError) {
        do {
            try Files.remove(record(of: file))
        } catch Errno.noEntry {
        } catch {
            throw .notWritten(record(of: file), error)
        }
    }
}
