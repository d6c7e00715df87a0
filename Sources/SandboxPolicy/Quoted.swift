// Names from outside in our own messages: nothing in them may reach the terminal as a control.

import ByteText

/// `text` in double quotes, with what could move a terminal's cursor written as escapes. For messages.
public func quoted(_ text: String) -> String {
    var shown = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case _ where ByteText.byte(scalar) != nil: shown += foreignByte(scalar)
        case "\"", "\\": shown += "\\" + String(scalar)
        case "\n": shown += "\\n"
        case "\t": shown += "\\t"
        case _ where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value):
            shown += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
        case _
        where (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
            || scalar.value == 0x061c:
            shown += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: shown.unicodeScalars.append(scalar)
        }
    }
    return shown + "\""
}

/// `text` with everything that a terminal might act on written as `\u{…}`; line breaks too, unless they are kept.
public func escaped(_ text: String, keepingLines: Bool = false) -> String {
    var safe = ""
    for scalar in text.unicodeScalars {
        if ByteText.byte(scalar) != nil {
            safe += foreignByte(scalar)
            continue
        }
        switch scalar.properties.generalCategory {
        case .control where keepingLines && (scalar == "\n" || scalar == "\t"): safe.unicodeScalars.append(scalar)
        case .control, .format, .lineSeparator, .paragraphSeparator:
            safe += "\\u{\(String(scalar.value, radix: 16))}"
        default: safe.unicodeScalars.append(scalar)
        }
    }
    return safe
}

/// A byte that is part of no character.
private func foreignByte(_ scalar: Unicode.Scalar) -> String {
    ByteText.byte(scalar).map { "\\x" + String($0, radix: 16) } ?? ""
}

/// `word` for a shell's command line, in quotes where it needs them.
public func shellWord(_ word: String) -> String {
    let plain =
        !word.isEmpty
        && word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "/._-+:@%,=".utf8.contains(byte)
            }
        }
    return plain
        ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}
