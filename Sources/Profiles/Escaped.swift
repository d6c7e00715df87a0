// Text from outside on its way to a terminal, without quotation marks: nothing in it may act on the terminal.

/// `text` with everything that a terminal might act on written as `\u{…}`; line breaks too, unless they are kept.
public func escaped(_ text: String, keepingLines: Bool = false) -> String {
    var safe = ""
    for scalar in text.unicodeScalars {
        switch scalar.properties.generalCategory {
        case .control where keepingLines && (scalar == "\n" || scalar == "\t"): safe.unicodeScalars.append(scalar)
        case .control, .format, .lineSeparator, .paragraphSeparator:
            safe += "\\u{\(String(scalar.value, radix: 16))}"
        default: safe.unicodeScalars.append(scalar)
        }
    }
    return safe
}
