// White-outs: as archives have them (OCI image layer specification, "Whiteouts") and as overlayfs has them
// (Documentation/filesystems/overlayfs, "whiteouts and opaque directories").

import LinuxSystem

/// A mark in a layer that lower layers' files are gone.
enum Whiteout {
    /// The file of this name.
    case file(FileName)
    /// Everything in this folder.
    case opaque

    private static let prefix = Array(".wh.".utf8)
    static let opaqueAttribute = "user.overlay.opaque"
    static let fileAttribute = "user.overlay.whiteout"

    /// - Returns: nil where an entry of this name is no white-out.
    init?(_ name: FileName) throws(EntryFault) {
        let bytes = name.bytes
        guard bytes.starts(with: Self.prefix) else { return nil }
        if bytes == Array(".wh..wh..opq".utf8) {
            self = .opaque
        } else if let hidden = FileName(bytes.dropFirst(Self.prefix.count)), !hidden.bytes.isEmpty {
            self = .file(hidden)
        } else {
            throw .badWhiteout
        }
    }

    /// Whether this is book-keeping of aufs, which means nothing here: `.wh..wh.plnk` and the like.
    static func isForeign(_ path: [FileName]) -> Bool {
        path.contains { $0.bytes.starts(with: Array(".wh..wh.".utf8)) && $0.bytes != Array(".wh..wh..opq".utf8) }
    }

    /// Puts overlayfs's form of it into `folder`. It is about lower layers only: a file of this layer stays, and a
    /// folder of this layer hides those below.
    func lay(in folder: borrowing Descriptor) throws(Errno) {
        switch self {
        case .opaque:
            try folder.setAttribute(Self.opaqueAttribute, to: [UInt8(ascii: "y")])
        case .file(let name):
            // Character device 0:0, which any user may make.
            do throws(Errno) { try folder.makeNode(name, mode: 0o020000) } catch .exists {
                guard try folder.status(of: name)?.kind == .directory else { return }
                try folder.open(name, [.path, .directory]).setAttribute(Self.opaqueAttribute, to: [UInt8(ascii: "y")])
            }
        }
    }

    static func isWhiteout(_ status: FileStatus) -> Bool {
        status.kind == .characterDevice && status.specialDevice == 0
    }

    /// Whether `name` in a folder of an upper or lower layer hides what lies below it.
    static func isWhiteout(_ status: FileStatus, _ name: FileName, in folder: borrowing Descriptor) throws(Errno)
        -> Bool
    {
        if isWhiteout(status) { return true }
        guard status.kind == .regular, status.size == 0 else { return false }
        return try folder.open(name, .link).wholeAttribute(fileAttribute) != nil
    }
}
