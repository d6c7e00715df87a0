// The files of a layout in a tar, of which nothing is unpacked.

import LinuxSystem

/// A tar with an index of its entries. One that is compressed, or comes through a pipe, is first copied uncompressed to
/// a file without a name.
struct ArchiveFiles: LayoutFiles {
    let name: String
    private let file: SharedDescriptor
    private let index: TarIndex

    /// - Parameter path: `-` for standard input.
    init(_ path: String, _ scratch: Scratch) throws(LayoutError) {
        name = path == "-" ? "standard input" : path
        let input: SharedDescriptor
        let status: FileStatus
        do throws(Errno) {
            input = SharedDescriptor(
                path == "-"
                    ? try Descriptor.duplicate(of: 0) : try Descriptor.open(path, [.readOnly, .noControllingTerminal]))
            status = try input.descriptor.status()
            if status.kind == .directory { throw .isDirectory }
        } catch { throw .source(name, error) }
        let whole = FileSlice(file: input, offset: 0, size: status.size)
        if status.kind == .regular, try Compression(of: whole, name) == .none {
            file = input
            index = try TarIndex(whole, source: name)
        } else {
            let copy = try UncompressedCopy(of: input, name, in: scratch)
            file = copy.file
            index = try TarIndex(FileSlice(file: file, offset: 0, size: copy.size), source: name)
        }
    }

    func find(_ path: TreePath) throws(LayoutError) -> FileSlice? {
        var place = path
        // More links than this are a circle.
        for _ in 0..<16 {
            switch index.entries[place] {
            case nil: return nil
            case .file(let offset, let size): return FileSlice(file: file, offset: offset, size: size)
            case .link(let target?): place = target
            case .link(nil): throw .linkOutside(name, entry: path.text)
            case .other: throw .irregular(name, entry: path.text)
            }
        }
        throw .linkOutside(name, entry: path.text)
    }
}

/// How a file is compressed, by its first bytes.
enum Compression {
    case none, gzip, zstd, xz, bzip2

    init(of slice: FileSlice, _ source: String) throws(LayoutError) {
        let start = [UInt8](try slice.start(6, source: source))
        self =
            switch start {
            // RFC 1952, section 2.3.1.
            case _ where start.starts(with: [0x1f, 0x8b]): .gzip
            // RFC 8878, sections 3.1.1 and 3.1.2: a frame, or one to be skipped.
            case _ where start.starts(with: [0x28, 0xb5, 0x2f, 0xfd]): .zstd
            case _ where start.dropFirst().starts(with: [0x2a, 0x4d, 0x18]) && start[0] & 0xf0 == 0x50: .zstd
            case _ where start.starts(with: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]): .xz
            case _ where start.starts(with: Array("BZh".utf8)): .bzip2
            default: .none
            }
    }
}
