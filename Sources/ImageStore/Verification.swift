// Whether a store still holds what it should: every blob against its name, every unpacked layer against its blob.

import Checksums
import Decompression
public import ImageFormat
import LinuxSystem
public import SandboxPolicy

/// One thing that is not as it should be.
public struct Damage: Equatable, Sendable {
    /// What, in words: `layer 4bcff63911fc (range)`.
    public let what: String
    public let why: String
    /// False where it was put right.
    public var remains: Bool
}

extension ImageStore {
    /// Reads all of the store. An unpacked layer is compared with a new unpacking of its blob.
    /// - Parameters:
    ///   - fetch: where an image can be had anew by its name and digest, to repair it; nil repairs nothing.
    ///   - progress: told what is being looked at.
    public func verify(
        repairing fetch: ((ImageReference, Digest) -> (any ImageSource)?)?, modes: [IdentityMode],
        progress: (String) -> Void = { _ in }
    ) throws(ImageStoreError) -> [Damage] {
        let writing = try Writing(places)
        var damages: [Damage] = []
        var seen: Set<Digest> = []
        do {
            for image in try images() {
                guard let record = image.record else {
                    damages.append(
                        Damage(what: "image \(image.reference)", why: "its record can't be read", remains: true))
                    continue
                }
                progress("\(image.reference)")
                let blobs = record.blobs.filter { !seen.contains($0) }
                guard let bad = try badBlobs(among: blobs, of: record, image.reference, writing) else { continue }
                seen.formUnion(blobs)
                if !bad.isEmpty {
                    damages += try repairBlobs(bad, image.reference, record, fetch, modes, writing)
                }
            }
            damages += try verifyTrees(repairing: fetch != nil, modes, writing, progress)
        } catch { throw Self.typed(error, places) }
        return damages
    }

    /// What is damaged of an image; its other blobs stay held. Who makes a blob anew must find nobody holding it.
    /// - Returns: nil where the image was removed or replaced meanwhile.
    private func badBlobs(
        among blobs: [Digest], of record: ImageRecord, _ reference: ImageReference, _ writing: Writing
    ) throws -> [(digest: Digest, why: String)]? {
        for blob in blobs { try writing.claim.share(places.blob(blob)) }
        guard try existing(reference) == record else {
            for blob in blobs { try writing.claim.release(places.blob(blob)) }
            return nil
        }
        let bad = try blobs.compactMap { try damage(of: $0) }
        for blob in bad { try writing.claim.release(places.blob(blob.digest)) }
        return bad
    }

    private func damage(of digest: Digest) throws(ImageStoreError) -> (digest: Digest, why: String)? {
        let path = places.blob(digest)
        do throws(Errno) {
            guard let file = try Descriptor.openRegular(path) else { throw .notRegular }
            let sum = ContentDigest()
            while true {
                let bytes = try file.read(upTo: 1 << 18)
                if bytes.isEmpty { break }
                bytes.withUnsafeBytes { sum.add($0) }
            }
            return sum.finish() == digest ? nil : (digest, "its content has changed")
        } catch .noEntry { return (digest, "it is gone") } catch { throw .system("read", path, error) }
    }

    /// Gets what is damaged anew, from where the image came from.
    private func repairBlobs(
        _ bad: [(digest: Digest, why: String)], _ reference: ImageReference, _ record: ImageRecord,
        _ fetch: ((ImageReference, Digest) -> (any ImageSource)?)?, _ modes: [IdentityMode], _ writing: Writing
    ) throws -> [Damage] {
        var damages = bad.map { Damage(what: "blob \($0.digest.short) of \(reference)", why: $0.why, remains: true) }
        guard let fetch, let platform = Platform(record.platform), let mode = modes.first,
            let source = fetch(reference, record.root)
        else { return damages }
        _ = try writing.remove(bad.map { places.blob($0.digest) }) { [] }
        do throws(ImageStoreError) {
            try add(source, as: reference, being: record.root, platform: platform, mode: mode)
        } catch {
            damages.append(Damage(what: "image \(reference)", why: "it can't be got anew: \(error)", remains: true))
            return damages
        }
        for index in damages.indices where try damage(of: bad[index].digest) == nil { damages[index].remains = false }
        return damages
    }

    private func verifyTrees(
        repairing: Bool, _ modes: [IdentityMode], _ writing: Writing, _ progress: (String) -> Void
    ) throws -> [Damage] {
        var damages: [Damage] = []
        var seen: Set<String> = []
        let budget = try budget(whole: false)
        for image in try images() {
            for layer in image.record?.layers ?? [] {
                for mode in modes where seen.insert(places.layer(layer.content, mode)).inserted {
                    let path = places.layer(layer.content, mode)
                    // Held to the end: neither goes while they are compared.
                    for part in [places.blob(layer.blob), path] { try writing.claim.share(part) }
                    guard Files.isAccessible(path, 0), try damage(of: layer.blob) == nil else {
                        for part in [places.blob(layer.blob), path] { try writing.claim.release(part) }
                        continue
                    }
                    progress("layer \(layer.content.short)")
                    let fresh: String
                    do { fresh = try unpackKept(layer, mode, writing, budget) } catch ImageStoreError.changedBlob {
                        damages.append(
                            Damage(
                                what: "layer \(layer.content.short) (\(mode.rawValue))",
                                why: "its blob \(layer.blob.short) holds another", remains: true))
                        continue
                    }
                    defer { writing.discard([fresh]) }
                    guard let difference = try TreeComparison.firstDifference(path, fresh) else { continue }
                    var damage = Damage(
                        what: "layer \(layer.content.short) (\(mode.rawValue))", why: difference, remains: true)
                    // In use, it stays: a running sandbox must not see its files go.
                    if repairing, try !writing.remove([path], unless: { [] }).isEmpty {
                        try writing.claim.ensure(path) { try writing.keep(fresh, as: path) }
                        damage.remains = false
                    }
                    damages.append(damage)
                }
            }
        }
        return damages
    }
}

/// Two trees that should be the same, down to times and attributes.
enum TreeComparison {
    /// - Returns: what differs first, in words, or nil.
    static func firstDifference(_ first: String, _ second: String) throws(Errno) -> String? {
        let tops = (
            SharedDescriptor(try .open(first, [.readOnly, .directory, .noFollow])),
            SharedDescriptor(try .open(second, [.readOnly, .directory, .noFollow]))
        )
        var waiting = [TreePath.root]
        while let path = waiting.popLast() {
            let old = try tops.0.descriptor.open(beneath: path, [.readOnly, .directory])
            let new = try tops.1.descriptor.open(beneath: path, [.readOnly, .directory])
            if try attributes(of: old) != attributes(of: new) {
                return path.isRoot ? "its top folder has changed" : "\(shownQuoted(path.bytes)) has changed"
            }
            let names = (Set(try old.fileNames()), Set(try new.fileNames()))
            if let other = names.0.symmetricDifference(names.1).min() {
                return "\(shownQuoted(path.appending(other).bytes)) is \(names.0.contains(other) ? "too much" : "gone")"
            }
            for name in names.0.sorted() {
                guard let mine = try old.status(of: name), let theirs = try new.status(of: name) else {
                    return "\(shownQuoted(path.appending(name).bytes)) is gone"
                }
                let isSame =
                    mine.kind == .directory
                    ? theirs.kind == .directory && mine.permissions == theirs.permissions && mine.owner == theirs.owner
                        && mine.group == theirs.group
                    : try FileComparison(name: name, new: mine, old: theirs).isSame(old, new)
                // White-outs, and folders without an entry of their own, have the time when they were made.
                let hasTime = mine.kind != .directory && !Whiteout.isWhiteout(mine)
                guard isSame, !hasTime || mine.modified == theirs.modified else {
                    return "\(shownQuoted(path.appending(name).bytes)) has changed"
                }
                if mine.kind == .directory { waiting.append(path.appending(name)) }
            }
        }
        return nil
    }

    /// With overlayfs's own, which say what a folder hides; without the label that the host's policy gives to every file.
    private static func attributes(of folder: borrowing Descriptor) throws(Errno) -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        for name in try folder.attributeNames() where name != "security.selinux" {
            found[name] = try folder.wholeAttribute(name)
        }
        return found
    }
}
