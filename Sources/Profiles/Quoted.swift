// Names from outside on their way to a terminal: nothing in them may act on it.

/// `text` in quotation marks, with control and formatting characters escaped.
package func quoted(_ text: String) -> String { "\"\(escaped(text))\"" }

/// `text` with everything that a terminal might act on written as `\u{…}`; line breaks too, unless they are kept.
package func escaped(_ text: String, keepingLines: Bool = false) -> String {
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
