// A small writer of ustar archives (POSIX pax, "ustar Interchange Format"), which writes what no real tar would.

struct TarWriter {
    private(set) var bytes: [UInt8] = []

    /// Appends one entry. Names are put into the header as they are; those over 100 bytes want a pax header.
    mutating func add(
        _ name: String, type: Character = "0", mode: Int = 0o644, user: Int = 0, link: String = "",
        content: [UInt8] = [], modified: Int = 1_000_000_000
    ) {
        add(
            nameBytes: Array(name.utf8), type: type, mode: mode, user: user, link: link, content: content,
            modified: modified)
    }

    mutating func add(
        nameBytes: [UInt8], type: Character = "0", mode: Int = 0o644, user: Int = 0, link: String = "",
        content: [UInt8] = [], modified: Int = 1_000_000_000
    ) {
        addHeader(nameBytes, type: type, mode: mode, user: user, link: link, size: content.count, modified: modified)
        bytes += content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    /// A header alone, for `size` bytes of content that need not follow.
    mutating func addHeader(
        _ name: String, type: Character = "0", size: Int, change: (inout [UInt8]) -> Void = { _ in }
    ) {
        addHeader(
            Array(name.utf8), type: type, mode: 0o644, user: 0, link: "", size: size, modified: 1_000_000_000,
            change: change)
    }

    private mutating func addHeader(
        _ nameBytes: [UInt8], type: Character, mode: Int, user: Int, link: String, size: Int, modified: Int,
        change: (inout [UInt8]) -> Void = { _ in }
    ) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: [UInt8], at offset: Int) { header.replaceSubrange(offset..<(offset + text.count), with: text) }
        func octal(_ number: Int, _ width: Int) -> [UInt8] {
            let digits = String(number, radix: 8)
            return Array((String(repeating: "0", count: width - digits.count) + digits).utf8)
        }
        put(Array(nameBytes.prefix(100)), at: 0)
        put(octal(mode, 7), at: 100)
        put(octal(user, 7), at: 108)
        put(octal(user, 7), at: 116)
        put(octal(size, 11), at: 124)
        put(octal(modified, 11), at: 136)
        put(Array("        ".utf8), at: 148)
        put(Array(String(type).utf8), at: 156)
        put(Array(link.utf8.prefix(100)), at: 157)
        put(Array("ustar".utf8) + [0] + Array("00".utf8), at: 257)
        change(&header)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6) + [0], at: 148)
        bytes += header
    }

    /// A pax header for the entry that follows: `LENGTH KEY=VALUE` lines (POSIX pax, "pax Extended Header").
    mutating func addAttributes(_ pairs: [(key: String, value: [UInt8])]) {
        var lines: [UInt8] = []
        for (key, value) in pairs {
            let rest = Array(" \(key)=".utf8) + value + [UInt8(ascii: "\n")]
            var length = rest.count
            while String(length).utf8.count + rest.count != length { length = String(length).utf8.count + rest.count }
            lines += Array(String(length).utf8) + rest
        }
        add("PaxHeader", type: "x", content: lines)
    }

    mutating func folder(_ name: String, mode: Int = 0o755) { add(name, type: "5", mode: mode) }
    mutating func symlink(_ name: String, to target: String) { add(name, type: "2", mode: 0o777, link: target) }
    mutating func hardLink(_ name: String, to target: String) { add(name, type: "1", link: target) }
    mutating func file(_ name: String, _ text: String, mode: Int = 0o644) {
        add(name, mode: mode, content: Array(text.utf8))
    }

    /// With the two blocks of zeros that end an archive.
    var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }
}
