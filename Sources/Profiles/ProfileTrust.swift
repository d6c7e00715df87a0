// Which profiles of projects the user trusts, each in the state in which it was read.

import LinuxSystem
public import SandboxPolicy

/// The trust folder: one file for each trusted profile, with its path and all that the trust covers.
public struct ProfileTrust: Sendable {
    public enum State: Equatable, Sendable {
        case trusted, unknown
        /// What is not as it was.
        case changed([String])
        /// An older version of this program has written the record, which did not cover enough.
        case outdated
    }

    private let folder: String
    private static let signature = "sandbox-trust-2"
    private static let oldSignature = "sandbox-trust-1"

    public init(places: Places) { folder = places.trust }

    /// The record of one profile.
    /// - Parameter file: without links.
    public func record(of file: String) -> String { "\(folder)/\(EntryKey("trust", [file]).name)" }

    public func state(of file: String, covers: [ProfileCover]) -> State {
        guard let words = Self.words(record(of: file)), words.count >= 2, words[1] == file else {
            return outdated(file).isEmpty ? .unknown : .outdated
        }
        guard words[0] == Self.signature, words.count % 3 == 2 else {
            return words[0] == Self.oldSignature ? .outdated : .unknown
        }
        var before: [String: String] = [:]
        for index in stride(from: 2, to: words.count, by: 3) {
            before[words[index] + " " + words[index + 1]] = words[index + 2]
        }
        var changes: [String] = []
        for cover in covers {
            guard let value = before.removeValue(forKey: cover.kind.rawValue + " " + cover.name) else {
                changes.append("\(escaped(cover.name)), which is new")
                continue
            }
            if value != cover.value { changes.append(cover.change(from: value)) }
        }
        changes += before.keys.sorted().map { "\(escaped($0)), which is gone" }
        return changes.isEmpty ? .trusted : .changed(changes)
    }

    public func trust(_ file: String, covers: [ProfileCover]) throws(ProfileError) {
        let words = covers.flatMap { [$0.kind.rawValue, $0.name, $0.value] }
        do {
            try Files.makeDirectories(folder, mode: 0o700)
            try Files.replace(record(of: file), with: Words.join([Self.signature, file] + words))
            for old in outdated(file) { try Files.remove(old) }
        } catch {
            throw .notWritten(record(of: file), error)
        }
    }

    /// Forgets the profile; nothing happens where it was not trusted.
    public func revoke(_ file: String) throws(ProfileError) {
        do {
            for old in outdated(file) { try Files.remove(old) }
            try Files.remove(record(of: file))
        } catch Errno.noEntry {
        } catch {
            throw .notWritten(record(of: file), error)
        }
    }

    /// The words of a record that nobody else can have written.
    private static func words(_ path: String) -> [String]? {
        var ownership = Ownership()
        do {
            return Words.split(try ownership.openRegular(path, .noFollow)?.readAll(limit: 4 << 20) ?? [])
        } catch { return nil }
    }

    /// Records of the file under the names that older versions gave.
    private func outdated(_ file: String) -> [String] {
        let names: [String]
        do throws(Errno) { names = try Descriptor.open(folder, [.readOnly, .directory]).names() } catch { return [] }
        return names.filter(EntryKey.isOutdated).map { "\(folder)/\($0)" }.filter {
            Self.words($0)?.prefix(2) == [Self.oldSignature, file]
        }
    }
}
