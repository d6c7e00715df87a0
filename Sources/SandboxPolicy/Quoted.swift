// Names from outside in our own messages: nothing in them may reach the terminal as a control.

/// `text` in double quotes, with what could move a terminal's cursor written as escapes. For messages.
public func quoted(_ text: String) -> String {
    var shown = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
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

/// `text` with what could move a terminal's cursor written as escapes, and all else as it is. For whole messages.
public func printable(_ text: String) -> String {
    var shown = ""
    for scalar in text.unicodeScalars {
        let value = scalar.value
        let isControl =
            (value < 0x20 && value != 0x0a) || (0x7f...0x9f).contains(value) || (0x202a...0x202e).contains(value)
            || (0x2066...0x2069).contains(value) || value == 0x061c
        if isControl { shown += "\\u{" + String(value, radix: 16) + "}" } else { shown.unicodeScalars.append(scalar) }
    }
    return shown
}
