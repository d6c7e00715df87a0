// What options of other programs are here: known by their names, so that who types one gets it, or learns what to say.

/// An option of docker's and podman's `run`, of bwrap, or of firejail.
public struct ForeignOption: Sendable {
    public enum Here: Sendable {
        /// We have an option of this name that means the same.
        case same
        /// Taken under this name, too.
        case ours(Option)
        /// Taken, and without effect: it is so anyway.
        case nothing(String)
        /// Not taken: what there is in its place, or that there is nothing.
        case instead(String)
    }

    /// `-m`, `--memory`: all spellings.
    public let names: [String]
    public let here: Here

    init(_ names: String, _ here: Here) {
        self.names = names.split(separator: " ").map(String.init)
        self.here = here
    }

    /// One cell of docs/compared.md.
    var text: String {
        switch here {
        case .same:
            guard let option = names.compactMap({ Option(named: String($0.drop { $0 == "-" })) }).first else {
                return "not there"
            }
            return "`--\(option.rawValue)`"
        case .ours(let option): return "taken: `--\(option.rawValue)`"
        case .nothing(let why): return "taken, without effect: \(why)"
        case .instead(let text): return text
        }
    }

    /// The row of a word of the command line, docker's before the others'.
    public static func named(_ word: String) -> ForeignOption? {
        for rows in [podman, bwrap, firejail] {
            if let row = rows.first(where: { $0.names.contains(word) }) { return row }
        }
        return nil
    }

    /// Letters and names that are taken and do nothing.
    static let switches = podman.filter { if case .nothing = $0.here { true } else { false } }.flatMap(\.names)
}

extension Option {
    /// By its own name, or one that it has elsewhere.
    public init?(named name: String) {
        if let option = Option(rawValue: name) {
            self = option
        } else if let option = Option.allCases.first(where: { $0.described.also.contains(name) }) {
            self = option
        } else {
            return nil
        }
    }
}

extension ForeignOption {
    /// docs/compared.md.
    public static var markdown: String {
        var text = """
            # Compared with bwrap, podman and firejail

            The options of bwrap, of `podman run` and `docker run`, and of firejail, with ours. This
            page is made by `sandbox __compared-md`; the tables are in `Sources/SandboxPolicy`, where the error for such an
            option comes from, too.

            Options stand before ROOTFS; all that follows it is the command's. There is no daemon and there are no volumes,
            no networks with names and no images that a run changes: a run's changes go when it ends, unless `--name` or
            `--upper` keeps them.

            """
        let parts = [("podman run, docker run", podman), ("bwrap", bwrap), ("firejail", firejail)]
        for (title, rows) in parts {
            text += "\n## \(title)\n\n| \(title.split(separator: ",")[0]) | here |\n| --- | --- |\n"
            for row in rows {
                let names = row.names.map { "`\($0)`" }.joined(separator: ", ")
                text += "| \(names) | \(row.text.split(separator: "|").joined(separator: "\\|")) |\n"
            }
        }
        text += "\n## Commands of podman and docker\n\n| podman, docker | here |\n| --- | --- |\n"
        for (names, here) in ForeignCommand.all {
            text += "| \(names.map { "`\($0)`" }.joined(separator: ", ")) | \(here) |\n"
        }
        return text
    }
}

/// Commands of docker's and podman's that are not ours.
public enum ForeignCommand {
    public static let all: [(names: [String], here: String)] = [
        (["ps", "ls", "container"], "`sandbox list` shows the kept sandboxes"),
        (["image"], "`sandbox images`, `rmi`, `inspect`, `save`, `load` and `prune`, without `image` before"),
        (
            ["exec", "attach"],
            "not there yet: `sandbox start NAME COMMAND` runs in a kept sandbox when nothing else does"
        ),
        (["logs"], "not there: output goes to where the sandbox's own does"),
        (
            ["stop", "kill", "wait", "pause", "unpause", "restart"],
            "not there: a sandbox is a process; `kill` its launcher"
        ),
        (["create"], "`sandbox run --name NAME ROOTFS true`, and `sandbox start NAME` goes on with it"),
        (["rename"], "not there: make it under the name wanted"),
        (["cp"], "a run with --bind, or `sandbox export`"),
        (["commit"], "not there yet: `sandbox export NAME | sandbox import - IMAGE` makes an image of a kept sandbox"),
        (
            ["build", "buildx", "compose"],
            "not there: build with podman or docker, and `podman save IMAGE | sandbox load`"
        ),
        (["login", "logout"], "those of podman and docker: what they write is read here"),
        (["search"], "not there: look in the registry's own pages"),
        (["history"], "`sandbox inspect IMAGE` has it under config"),
        (["system", "info"], "`sandbox df` for the disk, `sandbox prune`, and `sandbox doctor` for this machine"),
        (
            ["stats", "top", "port", "events", "update"],
            "not there: it is a process like any other; `top`, `ps` and `ss` show it"
        ),
        (["volume", "network"], "not there: folders of yours are shown with --bind; --network is none, user or host"),
    ]

    public static func here(_ word: String) -> String? { all.first { $0.names.contains(word) }?.here }
}
