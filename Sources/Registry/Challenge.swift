// What a server wants to be shown: the WWW-Authenticate field (RFC 9110, section 11.6.1).

/// One way to be let in.
struct Challenge: Equatable, Sendable {
    /// In lower case: `basic`, `bearer`.
    let scheme: String
    /// Names in lower case.
    var parameters: [String: String] = [:]

    /// All challenges of one field's value. What does not follow the grammar ends the list.
    static func parse(_ value: String) -> [Challenge] {
        var reader = FieldReader(value)
        var found: [Challenge] = []
        while true {
            reader.skip { $0 == " " || $0 == "\t" || $0 == "," }
            let word = reader.token().lowercased()
            if word.isEmpty { return found }
            reader.skip { $0 == " " || $0 == "\t" }
            guard reader.next == "=" else {
                found.append(Challenge(scheme: word))
                continue
            }
            reader.step()
            reader.skip { $0 == " " || $0 == "\t" }
            guard !found.isEmpty, let text = reader.next == "\"" ? reader.quotedString() : reader.token() else {
                return found
            }
            // The `=`s that end a token68 belong to no parameter.
            reader.skip { $0 == "=" }
            // A name given twice means what it meant first.
            if found[found.count - 1].parameters[word] == nil { found[found.count - 1].parameters[word] = text }
        }
    }
}

/// Tokens and quoted strings (RFC 9110, sections 5.6.2 and 5.6.4).
private struct FieldReader {
    private var rest: Substring.UnicodeScalarView

    init(_ text: String) { rest = Substring(text).unicodeScalars }

    var next: Unicode.Scalar? { rest.first }
    mutating func step() { rest = rest.dropFirst() }
    mutating func skip(while condition: (Unicode.Scalar) -> Bool) { rest = rest.drop(while: condition) }

    mutating func token() -> String {
        let token = rest.prefix {
            $0.properties.isAlphabetic || ("0"..."9").contains($0) || "!#$%&'*+-.^_`|~/:".unicodeScalars.contains($0)
        }
        rest = rest[token.endIndex...]
        return String(token)
    }

    /// - Returns: nil where it does not end.
    mutating func quotedString() -> String? {
        step()
        var text = String.UnicodeScalarView()
        while let scalar = rest.first {
            step()
            switch scalar {
            case "\"": return String(text)
            case "\\":
                guard let literal = rest.first else { return nil }
                step()
                text.append(literal)
            default: text.append(scalar)
            }
        }
        return nil
    }
}
