// Whether a file of an upper is the one of the lower layer, copied up and left as it was.

import LinuxSystem

/// Two files of one name, neither of them a folder. Times are not compared.
struct FileComparison {
    let name: FileName
    let new: FileStatus
    let old: FileStatus

    /// Compares what is cheap first: type, mode, owner, size; then extended attributes; then the bytes. What can't be
    /// read counts as different.
    func isSame(_ newFolder: borrowing Descriptor, _ oldFolder: borrowing Descriptor) throws(Errno) -> Bool {
        guard new.kind == old.kind, new.permissions == old.permissions, new.owner == old.owner, new.group == old.group
        else { return false }
        do throws(Errno) {
            switch new.kind {
            case .symlink:
                return try newFolder.linkTarget(of: name) == oldFolder.linkTarget(of: name)
            case .regular:
                guard new.size == old.size, try attributes(newFolder) == attributes(oldFolder) else { return false }
                return try Self.haveSameBytes(newFolder.open(name, Self.reading), oldFolder.open(name, Self.reading))
            default:
                return new.specialDevice == old.specialDevice
            }
        } catch .access { return false }
    }

    private static let reading: OpenFlags = [.readOnly, .noFollow, .nonBlocking]

    /// Without those of overlayfs itself and the label that the host's policy gives to every file.
    private func attributes(_ folder: borrowing Descriptor) throws(Errno) -> [String: [UInt8]] {
        let file = try folder.open(name, .link)
        var found: [String: [UInt8]] = [:]
        for attribute in try file.attributeNames() {
            let isForeign = ["user.overlay.", "trusted.", "security.selinux"].contains { attribute.hasPrefix($0) }
            if !isForeign { found[attribute] = try file.wholeAttribute(attribute) }
        }
        return found
    }

    private static func haveSameBytes(_ first: borrowing Descriptor, _ second: borrowing Descriptor) throws(Errno)
        -> Bool
    {
        while true {
            let bytes = try first.read(upTo: 1 << 16)
            if bytes.isEmpty { return try second.read(upTo: 1).isEmpty }
            var rest = bytes[...]
            while !rest.isEmpty {
                let other = try second.read(upTo: rest.count)
                if other.isEmpty || !rest.starts(with: other) { return false }
                rest = rest.dropFirst(other.count)
            }
        }
    }
}
