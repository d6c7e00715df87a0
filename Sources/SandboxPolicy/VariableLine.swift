// One line of a file of variables.

public enum VariableLine {
    /// Why a line can't be read.
    public struct Mistake: Error, Equatable, Sendable { public let why: String }

    /// `NAME=VALUE` or `NAME`, as `--env` takes it.
    /// - Parameter line: without the blanks before it.
    public static func setting(_ line: String) throws(Mistake) -> String {
        for word in ["export ", "declare -x "] where line.hasPrefix(word) {
            return try ofShell(String(line.dropFirst(word.count).drop { $0 == " " }))
        }
        let name = line.prefix { $0 != "=" }
        if name.isEmpty { throw Mistake(why: "has no name before the =") }
        if name.contains(where: \.isWhitespace) {
            throw Mistake(why: "has blanks in its name; it is written NAME=VALUE")
        }
        return line
    }

    /// The words of a shell, which are read and not run: what would have to be is a mistake.
    private static func ofShell(_ line: String) throws(Mistake) -> String {
        var value = String.UnicodeScalarView()
        var quote: Unicode.Scalar?
        var rest = line.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch (quote, scalar) {
            case ("'", "'"), ("\"", "\""): quote = nil
            case ("'", _): value.append(scalar)
            case (nil, "'"), (nil, "\""): quote = scalar
            case (_, "\\"):
                guard let next = rest.popFirst() else {
                    throw Mistake(why: "goes on behind a \\ at its end; write one line")
                }
                if quote != nil, !["$", "`", "\"", "\\"].contains(next) { value.append(scalar) }
                value.append(next)
            case (_, "$"), (_, "`"):
                throw Mistake(
                    why: "wants a shell to put in what \(scalar) stands for; write the value itself, or quote it by '")
            case (nil, " "), (nil, "\t"), (nil, ";"), (nil, "&"), (nil, "|"):
                let comment = rest.drop { $0 == " " || $0 == "\t" }
                if comment.isEmpty || comment.first == "#" { return try checked(String(value)) }
                throw Mistake(why: "has something behind the value; one variable stands on a line")
            default: value.append(scalar)
            }
        }
        if quote != nil { throw Mistake(why: "ends within quotes; a value is one line") }
        return try checked(String(value))
    }

    private static func checked(_ text: String) throws(Mistake) -> String {
        if text.isEmpty || text.hasPrefix("=") { throw Mistake(why: "has no name") }
        return text
    }
}
