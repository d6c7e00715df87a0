// The files of a layout, wherever they stand: in a folder, or in a tar.

import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy

/// Finds files by their path in a layout, and never anything outside of it.
protocol LayoutFiles: Sendable {
    /// What the user called it.
    var name: String { get }

    /// - Returns: nil where there is nothing at `path`.
    /// - Throws: `.irregular` or `.linkOutside` where it is not a plain file, `.source` where it can't be opened.
    func find(_ path: TreePath) throws(LayoutError) -> FileSlice?
}

extension LayoutFiles {
    /// A document at `path`, at most `ImageDocument.limit` bytes; nil where there is none.
    func document(_ path: TreePath) throws(LayoutError) -> Data? {
        guard let slice = try find(path) else { return nil }
        return try slice.content(limit: ImageDocument.limit, source: name, entry: path.text)
    }

    /// The blob of a descriptor, of the length that it says.
    func blob(_ blob: BlobDescriptor) throws(LayoutError) -> FileSlice {
        let path = Self.path(of: blob.digest)
        guard let slice = try find(path) else { throw .missing(name, entry: path.text) }
        guard slice.size == blob.size else {
            throw .wrongSize(name, entry: path.text, slice.size, expected: blob.size)
        }
        return slice
    }

    /// OCI image layout specification, "Content": a path is made from a checked digest, never from text.
    static func path(of digest: Digest) -> TreePath {
        TreePath(["blobs", "sha256", digest.hex].compactMap(FileName.init))
    }
}

/// Some bytes of an open file. Threads may read at the same time.
struct FileSlice: Sendable {
    let file: SharedDescriptor
    let offset: Int64
    /// Bytes.
    let size: Int64

    /// All of it.
    func content(limit: Int, source: String, entry: String) throws(LayoutError) -> Data {
        if size > Int64(limit) { throw .tooLarge(source, entry: entry, size, most: Int64(limit)) }
        var content = Data(count: Int(size))
        let result: Result<Void, LayoutError> = content.withUnsafeMutableBytes { room in
            do throws(LayoutError) {
                try read(into: room, at: 0, source)
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
        return content
    }

    /// The first bytes, fewer than `count` where there are no more.
    func start(_ count: Int, source: String) throws(LayoutError) -> Data {
        try FileSlice(file: file, offset: offset, size: min(size, Int64(count)))
            .content(limit: count, source: source, entry: source)
    }

    /// Hands all bytes on, in order.
    func copy(from source: String, to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(min(max(size, 1), 1 << 18)), alignment: 4096)
        defer { room.deallocate() }
        var done: Int64 = 0
        while done < size {
            let piece = UnsafeMutableRawBufferPointer(rebasing: room[..<Int(min(size - done, Int64(room.count)))])
            try read(into: piece, at: done, source)
            try sink(UnsafeRawBufferPointer(piece))
            done += Int64(piece.count)
        }
    }

    private func read(
        into room: UnsafeMutableRawBufferPointer, at start: Int64, _ source: String
    ) throws(LayoutError) {
        var done = 0
        while done < room.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: room[done...])
            let got: Int
            do throws(Errno) { got = try file.descriptor.read(into: rest, at: offset + start + Int64(done)) } catch {
                throw .source(source, error)
            }
            if got == 0 { throw .damaged(source, "it became shorter while it was read") }
            done += got
        }
    }
}

/// The files of a layout in a folder. No link is followed on the way.
struct FolderFiles: LayoutFiles {
    let name: String
    private let folder: SharedDescriptor

    init(_ path: String) throws(LayoutError) {
        name = path
        do throws(Errno) { folder = SharedDescriptor(try Descriptor.open(path, [.path, .directory])) } catch {
            throw .source(path, error)
        }
    }

    func find(_ path: TreePath) throws(LayoutError) -> FileSlice? {
        do throws(Errno) {
            // Looked at before it is opened: a fifo would wait, and a device might act.
            let place = try folder.descriptor.open(beneath: path, .link)
            let status = try place.status()
            if status.kind == .regular {
                let file = SharedDescriptor(try place.reopened([.readOnly]))
                return FileSlice(file: file, offset: 0, size: status.size)
            }
        } catch .noEntry {
            return nil
        } catch .loop {
        } catch .notDirectory {
        } catch { throw .source(name + "/" + path.text, error) }
        throw .irregular(name, entry: path.text)
    }
}

extension TreePath {
    /// For messages, and for names that are text.
    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The place that `bytes` names when read from `folder`.
    /// - Returns: nil where it leads out of the root.
    init?(_ bytes: some Collection<UInt8>, from folder: TreePath = .root) {
        var names = folder.names
        for part in bytes.split(separator: UInt8(ascii: "/")) where !part.elementsEqual([UInt8(ascii: ".")]) {
            if part.elementsEqual("..".utf8) {
                if names.popLast() == nil { return nil }
            } else if let name = FileName(Array(part)) {
                names.append(name)
            } else {
                return nil
            }
        }
        self.init(names)
    }
}
