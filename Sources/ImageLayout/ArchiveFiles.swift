// The files of a layout in a tar, of which nothing is unpacked.

import Decompression
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
            input = SharedDescriptor(try Descriptor.openArchive(path))
            status = try input.descriptor.status()
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

extension Compression {
    init(of slice: FileSlice, _ source: String) throws(LayoutError) {
        self.init(start: [UInt8](try slice.start(Self.magicSize, source: source)))
    }
}
