// Names that came from archives and sandboxes, made fit for a terminal.

import ByteText

/// `bytes` as text in which nothing can move a cursor or change a colour: control characters, bytes that are not UTF-8
/// and the marks that turn the direction of writing become `\xNN`, and a backslash becomes two.
public func shown(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
        // A scalar takes at most four bytes; what does not decode is shown byte by byte.
        guard let (scalar, length) = firstScalar(rest) else {
            text += hexadecimal(rest.removeFirst())
            continue
        }
        if scalar == "\\" {
            text += "\\\\"
        } else if isControl(scalar) {
            for byte in rest.prefix(length) { text += hexadecimal(byte) }
        } else {
            text.unicodeScalars.append(scalar)
        }
        rest.removeFirst(length)
    }
    return text
}

private func firstScalar(_ bytes: ArraySlice<UInt8>) -> (Unicode.Scalar, Int)? {
    var input = bytes.prefix(4).makeIterator()
    var decoder = UTF8()
    guard case .scalarValue(let scalar) = decoder.decode(&input) else { return nil }
    return (scalar, UTF8.width(scalar))
}

/// The same, in double quotes.
public func shownQuoted(_ bytes: some Sequence<UInt8>) -> String { "\"" + shown(bytes) + "\"" }

/// The same of text, as a path or a name that the user gave.
public func shownQuoted(_ text: String) -> String { shownQuoted(ByteText.bytes(text)) }

private func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7f...0x9f, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069: true
    default: false
    }
}

private func hexadecimal(_ byte: UInt8) -> String {
    "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
}
