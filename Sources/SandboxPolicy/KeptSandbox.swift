// What a kept sandbox was made with, as it is kept beside its changes.

/// A kept sandbox's command line.
public struct KeptSandbox: Equatable, Sendable {
    /// Where it was made: relative paths in `words` are relative to this.
    public var folder: String
    /// Options and ROOTFS.
    public var words: [String]
    public var command: [String]

    public init(folder: String, words: [String], command: [String]) {
        self.folder = folder
        self.words = words
        self.command = command
    }

    public var encoded: [UInt8] { Words.join([folder, String(words.count)] + words + command) }

    /// - Returns: nil where the bytes are no such record.
    public init?(encoded: [UInt8]) {
        let all = Words.split(encoded)
        guard all.count >= 2, let count = Int(all[1]), count >= 0, count <= all.count - 2 else { return nil }
        self.init(folder: all[0], words: Array(all[2..<(2 + count)]), command: Array(all[(2 + count)...]))
    }
}

extension Places {
    /// The record of a kept sandbox.
    public func kept(_ name: String) -> String { sandboxes + "/" + name + "/run" }
    /// The record of the image that it was made on, as that was then: what its name stands for changes.
    public func keptImage(_ name: String) -> String { sandboxes + "/" + name + "/image" }
    /// The list of its layers: place inside and folder in turn, topmost first.
    public func keptLowers(_ name: String) -> String { sandboxes + "/" + name + "/lowers" }
}
