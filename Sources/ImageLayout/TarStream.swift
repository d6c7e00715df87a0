// A tar as it is written: ustar headers, and pax headers where those are too small (POSIX pax, "ustar Interchange
// Format" and "pax Extended Header").

import LinuxSystem

/// One entry's header.
struct TarStreamEntry {
    enum Kind: Equatable {
        /// Bytes of content that follow.
        case file(size: Int64)
        case folder, fifo
        case symlink([UInt8])
        /// The path of an entry before this.
        case hardLink([UInt8])
    }

    /// Without a `/` at the end. Need not be UTF-8.
    var path: [UInt8]
    var kind: Kind
    /// The low twelve bits.
    var permissions: UInt32 = 0o644
    var owner: UInt32 = 0
    var group: UInt32 = 0
    var modified = Timestamp(seconds: 0, nanoseconds: 0)
    var attributes: [(name: String, value: [UInt8])] = []
}

/// Writes to a file or a pipe, in order, through one buffer.
final class TarStream {
    private let output: SharedDescriptor
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    private var used = 0
    /// Bytes so far.
    private var length: Int64 = 0

    init(_ output: SharedDescriptor) { self.output = output }

    deinit { buffer.deallocate() }

    /// Begins an entry. `.file` is to be followed by all of its content.
    func begin(_ entry: TarStreamEntry) throws(Errno) {
        let header = TarStreamHeader(entry)
        if !header.records.isEmpty {
            try write(TarStreamHeader(attributesOf: entry, size: header.records.count).block)
            try write(header.records)
            try pad()
        }
        try write(header.block)
    }

    /// Content, or a part of it.
    func write(_ bytes: UnsafeRawBufferPointer) throws(Errno) {
        var rest = bytes
        while !rest.isEmpty {
            let room = try room()
            let count = min(room.count, rest.count)
            room.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
            advance(count)
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    private func write(_ bytes: [UInt8]) throws(Errno) {
        let result: Result<Void, Errno> = bytes.withUnsafeBytes { bytes in
            do throws(Errno) {
                try write(bytes)
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
    }

    /// Content straight from where it is read.
    /// - Parameter fill: puts bytes into the room that it is given, and answers how many.
    /// - Returns: that answer.
    func write(upTo count: Int64, _ fill: (UnsafeMutableRawBufferPointer) throws(Errno) -> Int) throws(Errno) -> Int {
        let room = try room()
        let count = try fill(UnsafeMutableRawBufferPointer(rebasing: room[..<Int(min(count, Int64(room.count)))]))
        advance(count)
        return count
    }

    /// Ends an entry that had content.
    func pad() throws(Errno) {
        let over = Int(length % 512)
        if over > 0 { try write([UInt8](repeating: 0, count: 512 - over)) }
    }

    /// Writes the mark of the end, and all that waits.
    func end() throws(Errno) {
        try write([UInt8](repeating: 0, count: 1024))
        // Some readers of tapes still want whole records.
        let over = Int(length % 10_240)
        if over > 0 { try write([UInt8](repeating: 0, count: 10_240 - over)) }
        try flush()
    }

    private func room() throws(Errno) -> UnsafeMutableRawBufferPointer {
        if used == buffer.count { try flush() }
        return UnsafeMutableRawBufferPointer(rebasing: buffer[used...])
    }

    private func advance(_ count: Int) {
        used += count
        length += Int64(count)
    }

    private func flush() throws(Errno) {
        try output.descriptor.write(UnsafeRawBufferPointer(rebasing: buffer[..<used]).bytes)
        used = 0
    }
}

/// The bytes of a header: one block, and the records of a pax header that goes before it.
struct TarStreamHeader {
    private(set) var block = [UInt8](repeating: 0, count: 512)
    private(set) var records: [UInt8] = []

    init(_ entry: TarStreamEntry) {
        let (type, link, size) = Self.parts(entry.kind)
        putName(entry.kind == .folder ? entry.path + [UInt8(ascii: "/")] : entry.path)
        putText(link, at: 157, width: 100, "linkpath")
        putNumber(Int64(entry.permissions & 0o7777), at: 100, width: 8, "mode")
        putNumber(Int64(entry.owner), at: 108, width: 8, "uid")
        putNumber(Int64(entry.group), at: 116, width: 8, "gid")
        putNumber(size, at: 124, width: 12, "size")
        putTime(entry.modified)
        // `=` ends a key: written as GNU tar writes it.
        for (name, value) in entry.attributes {
            let key = name.replacing("%", with: "%25").replacing("=", with: "%3D")
            addRecord("SCHILY.xattr." + key, value)
        }
        seal(type: type)
    }

    /// The header of the records themselves.
    init(attributesOf entry: TarStreamEntry, size: Int) {
        put(Array("PaxHeaders/".utf8) + entry.path.suffix(80), at: 0)
        putNumber(0o644, at: 100, width: 8, "mode")
        putNumber(0, at: 108, width: 8, "uid")
        putNumber(0, at: 116, width: 8, "gid")
        putNumber(Int64(size), at: 124, width: 12, "size")
        putNumber(0, at: 136, width: 12, "mtime")
        seal(type: UInt8(ascii: "x"))
    }

    private static func parts(_ kind: TarStreamEntry.Kind) -> (type: UInt8, link: [UInt8], size: Int64) {
        switch kind {
        case .file(let size): (UInt8(ascii: "0"), [], size)
        case .hardLink(let target): (UInt8(ascii: "1"), target, 0)
        case .symlink(let target): (UInt8(ascii: "2"), target, 0)
        case .folder: (UInt8(ascii: "5"), [], 0)
        case .fifo: (UInt8(ascii: "6"), [], 0)
        }
    }

    private mutating func put(_ bytes: some Collection<UInt8>, at offset: Int) {
        block.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
    }

    /// A long name is split at a `/` if it can be, else it goes into a record.
    private mutating func putName(_ name: [UInt8]) {
        if name.count <= 100 { return put(name, at: 0) }
        // What follows the `/` has 1 to 100 bytes, what precedes it at most 155.
        let first = max(1, name.count - 101)
        let last = min(155, name.count - 2)
        if first <= last, let slash = name[first...last].firstIndex(of: UInt8(ascii: "/")) {
            put(name[..<slash], at: 345)
            return put(name[(slash + 1)...], at: 0)
        }
        putText(name, at: 0, width: 100, "path")
    }

    private mutating func putText(_ text: [UInt8], at offset: Int, width: Int, _ key: String) {
        put(text.prefix(width), at: offset)
        if text.count > width { addRecord(key, text) }
    }

    private mutating func putNumber(_ number: Int64, at offset: Int, width: Int, _ key: String) {
        let digits = Array(String(number, radix: 8).utf8)
        guard number >= 0, digits.count < width else {
            put(repeatElement(UInt8(ascii: "0"), count: width - 1), at: offset)
            return addRecord(key, Array(String(number).utf8))
        }
        put(repeatElement(UInt8(ascii: "0"), count: width - 1 - digits.count) + digits, at: offset)
    }

    private mutating func putTime(_ time: Timestamp) {
        if time.nanoseconds == 0 { return putNumber(time.seconds, at: 136, width: 12, "mtime") }
        put(repeatElement(UInt8(ascii: "0"), count: 11), at: 136)
        if time.seconds >= 0 {
            let digits = Array(String(time.seconds, radix: 8).utf8.prefix(11))
            put(digits, at: 136 + 11 - digits.count)
        }
        addRecord("mtime", Array(Self.decimal(time).utf8))
    }

    /// Seconds with a fraction. Before the epoch the whole counts down and the fraction up: -1.5 is second -2 and half.
    private static func decimal(_ time: Timestamp) -> String {
        let isBefore = time.seconds < 0
        let whole = isBefore ? -(time.seconds + 1) : time.seconds
        let fraction = isBefore ? 1_000_000_000 - time.nanoseconds : time.nanoseconds
        let digits = String(fraction)
        return (isBefore ? "-" : "") + "\(whole)." + String(repeating: "0", count: 9 - digits.count) + digits
    }

    /// `LENGTH KEY=VALUE` and a line feed; the length counts itself.
    private mutating func addRecord(_ key: String, _ value: [UInt8]) {
        let rest = Array(" \(key)=".utf8) + value + [UInt8(ascii: "\n")]
        var length = rest.count + 1
        while String(length).utf8.count + rest.count != length { length = String(length).utf8.count + rest.count }
        records += Array(String(length).utf8) + rest
    }

    private mutating func seal(type: UInt8) {
        block[156] = type
        put(Array("ustar".utf8) + [0] + Array("00".utf8), at: 257)
        put(repeatElement(UInt8(ascii: "0"), count: 7), at: 329)
        put(repeatElement(UInt8(ascii: "0"), count: 7), at: 337)
        put(repeatElement(0x20, count: 8), at: 148)
        let digits = Array(String(block.reduce(0) { $0 + Int($1) }, radix: 8).utf8)
        put(repeatElement(UInt8(ascii: "0"), count: 6 - digits.count) + digits + [0, 0x20], at: 148)
    }
}
