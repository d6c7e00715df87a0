// How a bind is written: SRC[:DST][:OPTION,…], where `\:` is a colon of a path's own. Also how `--mount` says the same.

/// A bind that can't be read: why not, for the end of a message.
public struct BindError: Error, Equatable, Sendable {
    public let why: String
    init(_ why: String) { self.why = why }
}

extension Bind {
    /// - Parameter text: SRC is as it is written, perhaps relative.
    public init(_ text: String) throws(BindError) {
        var fields = Self.fields(text)
        var readOnly = false
        if fields.count > 1, let last = fields.last, !last.hasPrefix("/"),
            Self.looksLikeOptions(last) || fields.count > 2
        {
            readOnly = try Self.takesChangesAway(last)
            fields.removeLast()
        }
        guard let source = fields.first, !source.isEmpty else {
            throw BindError("must be SRC[:DST][:ro], and SRC is missing")
        }
        guard fields.count <= 2 else {
            throw BindError("must be SRC[:DST][:ro]; a colon that belongs to a path is written \\:")
        }
        let destination = fields.count == 2 ? fields[1] : source
        guard fields.count == 1 || destination.hasPrefix("/") else {
            throw BindError("the place inside must begin with /")
        }
        self.init(source: source, destination: destination, readOnly: readOnly)
    }

    /// What other programs' options ask for that is so anyway, or means nothing here: private mounts without device nodes
    /// and set-user-ID; labels of SELinux stay as they are, as the command has the caller's own.
    private static let withoutEffect: Set<String> = [
        "rw", "z", "Z", "private", "rprivate", "rbind", "nosuid", "nodev", "exec", "nocopy", "cached", "delegated",
        "consistent",
    ]
    private static let refused = [
        "O": "changes to a bind can't be dropped at the end: give the folder with :ro, or as a layer with --layer",
        "U": "owners are not changed: give the files to the user who is to have them inside",
        "shared": "mounts are private", "rshared": "mounts are private", "slave": "mounts are private",
        "rslave": "mounts are private", "noexec": "programs of a bind can be run; bind no more than is needed",
        "suid": "set-user-ID programs are never obeyed", "dev": "device nodes are never obeyed",
        "idmap": "ids are those of --id-map", "upperdir": "changes go to --upper", "workdir": "changes go to --upper",
    ]

    private static func looksLikeOptions(_ text: String) -> Bool {
        text.split(separator: ",").contains { word in
            word == "ro" || withoutEffect.contains(String(word)) || refused[String(word.prefix { $0 != "=" })] != nil
        }
    }

    private static func takesChangesAway(_ options: String) throws(BindError) -> Bool {
        var readOnly = false
        if options.isEmpty { throw BindError("must be SRC[:DST][:ro], and ends with a colon") }
        for word in options.split(separator: ",").map(String.init) {
            if word == "ro" || word == "rw" {
                readOnly = word == "ro"
            } else if let why = refused[String(word.prefix { $0 != "=" })] {
                throw BindError("\(quoted(word)) is not there: \(why)")
            } else if !withoutEffect.contains(word) {
                throw BindError(
                    "no option \(quoted(word))\(Nearest.suggestion(word, among: ["ro", "rw"])); a colon that belongs to a "
                        + "path is written \\:")
            }
        }
        return readOnly
    }
}

// Colons.
extension Bind {
    /// What stands between colons, with `\:` and `\\` read.
    static func fields(_ text: String) -> [String] {
        var fields: [String] = []
        var field = String.UnicodeScalarView()
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if isEscaped {
                if scalar != ":", scalar != "\\" { field.append("\\") }
                field.append(scalar)
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == ":" {
                fields.append(String(field))
                field = String.UnicodeScalarView()
            } else {
                field.append(scalar)
            }
        }
        if isEscaped { field.append("\\") }
        return fields + [String(field)]
    }

    /// A path as SRC or DST of a bind.
    public static func escaped(_ path: String) -> String {
        var text = String.UnicodeScalarView()
        for scalar in path.unicodeScalars {
            if scalar == ":" || scalar == "\\" { text.append("\\") }
            text.append(scalar)
        }
        return String(text)
    }

    /// A bind's value with another source; what follows it stays as written.
    public static func text(_ text: String, withSource change: (String) -> String) -> String {
        let source = fields(text).first ?? ""
        return escaped(change(source)) + rest(text)
    }

    /// nil where it is none.
    public static func read(_ text: String) -> Bind? {
        do throws(BindError) { return try Bind(text) } catch { return nil }
    }

    public static func isReadOnly(_ text: String) -> Bool { read(text)?.readOnly ?? false }

    /// SRC, as it is meant.
    public static func source(of text: String) -> String { fields(text).first ?? "" }

    /// What follows SRC, from its colon on.
    public static func rest(_ text: String) -> Substring {
        var isEscaped = false
        for index in text.unicodeScalars.indices {
            let scalar = text.unicodeScalars[index]
            if isEscaped {
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == ":" {
                return text[index...]
            }
        }
        return ""
    }

    /// As an option's value.
    public var text: String {
        Self.escaped(source) + ":" + Self.escaped(destination) + (readOnly ? ":ro" : "")
    }
}

/// `--mount type=bind,src=…,dst=…,ro`, as docker and podman have it: another way to say `--bind` and `--tmpfs`.
enum MountWord {
    static func setting(_ value: String) throws(UsageError) -> Setting {
        var fields: [String: String] = [:]
        for field in split(value) {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let key = synonyms[parts[0]] ?? parts[0]
            guard known.contains(key) else {
                throw error(value, "no field \(quoted(parts[0]))\(Nearest.suggestion(parts[0], among: known))")
            }
            fields[key] = parts.count == 2 ? parts[1] : "true"
        }
        guard let place = fields["dst"], !place.isEmpty else { throw error(value, "dst=PATH is missing") }
        switch fields["type"] ?? "volume" {
        case "bind":
            guard let source = fields["src"], !source.isEmpty else { throw error(value, "src=PATH is missing") }
            let mode = ["true", "1"].contains(fields["ro"] ?? "") ? ":ro" : ""
            return Setting(.bind, Bind.escaped(source) + ":" + Bind.escaped(place) + mode, .commandLine)
        case "tmpfs":
            let size = fields["tmpfs-size"].map { ":size=" + $0 } ?? ""
            return Setting(.tmpfs, Bind.escaped(place) + size, .commandLine)
        case let type:
            throw error(value, "type=bind and type=tmpfs are there, not \(quoted(type)); a folder of yours is a bind")
        }
    }

    private static let known = [
        "type", "src", "dst", "ro", "tmpfs-size", "bind-propagation", "relabel", "consistency",
    ]
    private static let synonyms = [
        "source": "src", "destination": "dst", "target": "dst", "readonly": "ro", "size": "tmpfs-size",
    ]

    private static func error(_ value: String, _ why: String) -> UsageError {
        UsageError("--mount \(quoted(value)): \(why); it is written type=bind,src=PATH,dst=PATH[,ro]")
    }

    /// Fields of a line of CSV: one that is quoted may hold commas.
    private static func split(_ text: String) -> [String] {
        var fields = [""]
        var isQuoted = false
        for character in text {
            if character == "\"" {
                isQuoted.toggle()
            } else if character == ",", !isQuoted {
                fields.append("")
            } else {
                fields[fields.count - 1].append(character)
            }
        }
        return fields.filter { !$0.isEmpty }
    }
}
