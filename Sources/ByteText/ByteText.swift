// Bytes as text and back: names of files, arguments and variables are bytes that need not be UTF-8, and stay the same bytes.

/// A reversible text form of any bytes. What is UTF-8 is itself; every other byte becomes one scalar from U+10FF80 on, the
/// last of a plane for private use. Where those scalars stand in the bytes themselves, they are taken byte by byte, too:
/// so no two lists of bytes have one text. And so is what would make one Character with a `/` or another sign beside it
/// (a name may begin with a combining mark): text is taken apart by Characters, names by bytes. Used where bytes come in
/// (arguments, environment, folders, links, records), and undone where text becomes a C string or is written down.
public enum ByteText {
    private static let first: UInt32 = 0x10_FF00
    private static let escapes = (first + 0x80)...(first + 0xFF)
    /// The byte that the UTF-8 of every such scalar begins with.
    private static let lead: UInt8 = 0xF4

    public static func text(_ bytes: ArraySlice<UInt8>) -> String { text(Array(bytes)) }

    public static func text(_ bytes: [UInt8]) -> String {
        // Not generic, and no more than needed: most is ASCII, and there is much of it at each start.
        var others: UInt8 = 0
        for byte in bytes { others |= byte }
        if others < 0x80 { return String(decoding: bytes, as: UTF8.self) }
        var text = ""
        var rest = bytes[...]
        while let byte = rest.first {
            if let scalar = scalar(rest), !escapes.contains(scalar.value) {
                text.unicodeScalars.append(scalar)
                rest = rest.dropFirst(UTF8.width(scalar))
            } else {
                // Only bytes from 0x80 on are no UTF-8 by themselves.
                text.unicodeScalars.append(escape(byte))
                rest = rest.dropFirst()
            }
        }
        return apart(text)
    }

    /// Signs of ASCII stand for themselves, also at both ends, where others will be put.
    private static func apart(_ text: String) -> String {
        var result = ""
        for character in "/" + text + "/" {
            let scalars = character.unicodeScalars
            if scalars.count == 1 || !scalars.contains(where: isSign) {
                result.append(character)
                continue
            }
            for scalar in scalars {
                if scalar.isASCII || byte(scalar) != nil {
                    result.unicodeScalars.append(scalar)
                } else {
                    for byte in String(scalar).utf8 { result.unicodeScalars.append(escape(byte)) }
                }
            }
        }
        return String(result.unicodeScalars.dropFirst().dropLast())
    }

    private static func isSign(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && !scalar.properties.isAlphabetic
    }

    private static func escape(_ byte: UInt8) -> Unicode.Scalar { Unicode.Scalar(first + UInt32(byte)) ?? "\u{FFFD}" }

    public static func bytes(_ text: String) -> [UInt8] {
        if !text.utf8.contains(lead) { return Array(text.utf8) }
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            if let byte = byte(scalar) { bytes.append(byte) } else { bytes += Array(String(scalar).utf8) }
        }
        return bytes
    }

    /// As C wants it: the bytes, and a NUL.
    public static func cString(_ text: String) -> [CChar] {
        let plain = text.utf8.withContiguousStorageIfAvailable { utf8 -> [CChar]? in
            var characters = [CChar](repeating: 0, count: utf8.count + 1)
            for index in utf8.indices {
                if utf8[index] == lead { return nil }
                characters[index] = CChar(bitPattern: utf8[index])
            }
            return characters
        }
        if case .some(.some(let characters)) = plain { return characters }
        return bytes(text).map { CChar(bitPattern: $0) } + [0]
    }

    /// The byte that a scalar stands for which is none of the text's own.
    public static func byte(_ scalar: Unicode.Scalar) -> UInt8? {
        escapes.contains(scalar.value) ? UInt8(scalar.value - first) : nil
    }

    private static func scalar(_ bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
        var input = bytes.prefix(4).makeIterator()
        var decoder = UTF8()
        guard case .scalarValue(let scalar) = decoder.decode(&input) else { return nil }
        return scalar
    }
}
