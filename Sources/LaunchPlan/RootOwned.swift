// Configuration of the machine's that a program reads only where root or the reader owns it, as ssh(1) does what ssh_config
// includes. On `host` root's files appear as nobody's, so copies that id 0 owns are shown in their place.

/// A small file of the host's below /etc.
public struct RootOwnedFile: Equatable, Sendable {
    public let path: String
    public let content: String

    public init(path: String, content: String) {
        self.path = path
        self.content = content
    }

    /// Folders whose files ssh(1) includes, and files that those include where a distribution has them.
    public static let folders = ["/etc/ssh/ssh_config.d"]
    public static let files = ["/etc/crypto-policies/back-ends/openssh.config"]

    /// Longer ones, and more, are not what these files are.
    public static let (mostBytes, mostFiles) = (1 << 16, 32)
}

extension [RootOwnedFile] {
    /// In the layer of generated files.
    var steps: [Step] {
        var made: Set<String> = ["/etc"]
        var steps: [Step] = []
        for file in self {
            var above = ""
            for name in file.path.split(separator: "/").dropLast() {
                above += "/" + name
                if made.insert(above).inserted { steps.append(.makeFolder(scratch: "files" + above, mode: 0o755)) }
            }
            steps.append(.writeFile(scratch: "files" + file.path, content: file.content))
        }
        return steps
    }
}
