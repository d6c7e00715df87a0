// Where each file of a tar stands in it (POSIX pax, "ustar Interchange Format" and "pax Extended Header"; tar(5) for
// GNU's long names and large numbers).

import Foundation
import LinuxSystem

/// One pass over the headers of an uncompressed tar. Contents are skipped.
struct TarIndex {
    enum Entry: Equatable {
        /// Of the content in the tar; bytes.
        case file(offset: Int64, size: Int64)
        /// Another entry of the same tar; nil where the link leads out of it.
        case link(TreePath?)
        case other
    }

    /// Of two entries of one name the later counts, as in unpacking.
    private(set) var entries: [TreePath: Entry] = [:]

    private let file: FileSlice
    private let source: String
    private var offset: Int64 = 0
    /// What pax and GNU headers say of the entry behind them.
    private var path: [UInt8]?
    private var target: [UInt8]?
    private var size: Int64?

    private static let block: Int64 = 512
    private static let mostEntries = 200_000
    /// Bytes of one extended header.
    private static let mostHeader = 1 << 20

    /// - Throws: `.notAnArchive` or `.damaged`.
    init(_ file: FileSlice, source: String) throws(LayoutError) {
        self.file = file
        self.source = source
        var count = 0
        while let header = try nextHeader() {
            count += 1
            if count > Self.mostEntries { throw damaged("it has more than \(Self.mostEntries) entries") }
            try add(header)
        }
    }

    /// - Returns: nil at the block of zeros that ends the archive.
    private mutating func nextHeader() throws(LayoutError) -> TarHeader? {
        guard offset <= file.size - Self.block else {
            throw offset == 0 ? .notAnArchive(source) : damaged("it ends before its end mark")
        }
        let bytes = [UInt8](try read(at: offset, Self.block))
        if offset > 0, bytes.allSatisfy({ $0 == 0 }) { return nil }
        guard let header = TarHeader(bytes) else {
            throw offset == 0 ? .notAnArchive(source) : damaged("no header where one must be, at byte \(offset)")
        }
        offset += Self.block
        return header
    }

    private mutating func add(_ header: TarHeader) throws(LayoutError) {
        switch header.type {
        case UInt8(ascii: "x"): try addAttributes(try extended(header))
        case UInt8(ascii: "L"): path = try extended(header).prefix { $0 != 0 }
        case UInt8(ascii: "K"): target = try extended(header).prefix { $0 != 0 }
        // Attributes of all entries: comments, in practice.
        case UInt8(ascii: "g"): try skip(header.size)
        default:
            try addEntry(header)
            (path, target, size) = (nil, nil, nil)
        }
    }

    private mutating func addEntry(_ header: TarHeader) throws(LayoutError) {
        let name = path ?? header.name
        // PATH_MAX of limits.h: no file can have it, and each is kept.
        guard name.count < 4096, (target ?? header.target).count < 4096 else {
            throw damaged("it has a name of more than 4095 bytes")
        }
        let place = TreePath(name)
        let entry: Entry
        switch header.type {
        case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
            let length = size ?? header.size
            // A folder of tar before POSIX.
            entry = name.last == UInt8(ascii: "/") ? .other : .file(offset: offset, size: length)
            try skip(length)
        case UInt8(ascii: "1"): entry = .link(TreePath(target ?? header.target))
        case UInt8(ascii: "2"): entry = .link(place.flatMap { Self.symlink(target ?? header.target, at: $0) })
        case UInt8(ascii: "3")...UInt8(ascii: "6"): entry = .other
        case UInt8(ascii: "S"): throw damaged("it has sparse entries, which images have not")
        default:
            entry = .other
            try skip(size ?? header.size)
        }
        // An entry that names no place inside can't be asked for.
        if let place, !place.isRoot { entries[place] = entry }
    }

    private static func symlink(_ target: [UInt8], at place: TreePath) -> TreePath? {
        target.first == UInt8(ascii: "/") ? nil : TreePath(target, from: place.parent)
    }

    private mutating func skip(_ size: Int64) throws(LayoutError) {
        guard size <= file.size - offset else { throw damaged("an entry reaches beyond its end") }
        offset += (size + Self.block - 1) / Self.block * Self.block
    }

    private mutating func extended(_ header: TarHeader) throws(LayoutError) -> [UInt8] {
        guard header.size <= Self.mostHeader else { throw damaged("a header of \(header.size) bytes") }
        let start = offset
        try skip(header.size)
        return [UInt8](try read(at: start, header.size))
    }

    /// Lines of `LENGTH KEY=VALUE`.
    private mutating func addAttributes(_ bytes: [UInt8]) throws(LayoutError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let space = rest.firstIndex(of: 0x20),
                let length = Int(String(decoding: rest[..<space], as: UTF8.self)),
                length > space - rest.startIndex + 1, length <= rest.count,
                rest[rest.startIndex + length - 1] == UInt8(ascii: "\n")
            else { throw damaged("an extended header that does not parse") }
            let line = rest[(space + 1)..<(rest.startIndex + length - 1)]
            rest = rest.dropFirst(length)
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else {
                throw damaged("an extended header that does not parse")
            }
            try addAttribute(String(decoding: line[..<equals], as: UTF8.self), Array(line[(equals + 1)...]))
        }
    }

    private mutating func addAttribute(_ key: String, _ value: [UInt8]) throws(LayoutError) {
        switch key {
        case "path": path = value
        case "linkpath": target = value
        case "size":
            guard let number = Int64(String(decoding: value, as: UTF8.self)), number >= 0 else {
                throw damaged("a size that is no number")
            }
            size = number
        case _ where key.hasPrefix("GNU.sparse."): throw damaged("it has sparse entries, which images have not")
        default: break
        }
    }

    private func read(at offset: Int64, _ count: Int64) throws(LayoutError) -> Data {
        try FileSlice(file: file.file, offset: file.offset + offset, size: count)
            .content(limit: Self.mostHeader, source: source, entry: "header")
    }

    private func damaged(_ reason: String) -> LayoutError { .damaged(source, reason) }
}

/// One block of 512 bytes that begins an entry.
struct TarHeader {
    let name: [UInt8]
    let target: [UInt8]
    let type: UInt8
    /// Bytes, not negative.
    let size: Int64

    /// - Returns: nil where the sum is wrong or the size no number.
    init?(_ block: [UInt8]) {
        func text(_ range: Range<Int>) -> [UInt8] { Array(block[range].prefix { $0 != 0 }) }
        // The sum counts its own field as spaces.
        let sum = block.reduce(0) { $0 + Int64($1) } - block[148..<156].reduce(0) { $0 + Int64($1) } + 8 * 0x20
        guard Self.number(block[148..<156]) == sum, let size = Self.number(block[124..<136]) else { return nil }
        self.size = size
        type = block[156]
        target = text(157..<257)
        // GNU's old header, `ustar` and spaces, has times in that place.
        let hasPrefix = Array(block[257..<263]) == Array("ustar".utf8) + [0]
        let prefix = hasPrefix ? text(345..<500) : []
        name = prefix.isEmpty ? text(0..<100) : prefix + [UInt8(ascii: "/")] + text(0..<100)
    }

    /// Octal digits, or GNU's base 256 with the highest bit set.
    static func number(_ field: ArraySlice<UInt8>) -> Int64? {
        guard let first = field.first else { return nil }
        if first & 0x80 != 0 {
            guard first == 0x80, field.dropFirst().dropLast(8).allSatisfy({ $0 == 0 }) else { return nil }
            let value = field.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return field.count > 8 ? Int64(exactly: value) : nil
        }
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
        if digits.isEmpty { return 0 }
        // "+8" would be a number to Swift.
        guard digits.allSatisfy({ (0x30...0x37).contains($0) }) else { return nil }
        return Int64(String(decoding: digits, as: UTF8.self), radix: 8)
    }
}
