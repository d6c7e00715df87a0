// Name servers of a resolv.conf(5), told apart by whether they listen on the machine's own loopback.

public struct Resolvers {
    private let lines: [Substring]

    public init(_ text: String) { lines = text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// The servers that can be reached from a network namespace of its own.
    public var outside: [Substring] { lines.compactMap { Self.server($0) }.filter { !Self.isLoopback($0) } }

    /// The file without the others.
    public var textOutside: String {
        lines.filter { line in Self.server(line).map { !Self.isLoopback($0) } ?? true }.joined(separator: "\n")
    }

    private static func server(_ line: Substring) -> Substring? {
        let words = line.split { $0 == " " || $0 == "\t" }
        return words.count > 1 && words[0] == "nameserver" ? words[1] : nil
    }

    private static func isLoopback(_ address: Substring) -> Bool {
        address.hasPrefix("127.") || address == "::1" || address == "0.0.0.0" || address == "::"
            || address.hasPrefix("::ffff:127.")
    }
}
