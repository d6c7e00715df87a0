// Completion for shells: thin scripts that hand the words to `sandbox __complete`, and that command.

import ArgumentParser
import ImageStore
import LinuxSystem
import Profiles
import SandboxPolicy

enum Shell: String, ExpressibleByArgument, CaseIterable {
    case bash, zsh, fish

    var script: String {
        switch self {
        case .bash:
            #"""
            # Completion of sandbox for bash: eval "$(sandbox completion bash)"
            _sandbox() {
                local line=${COMP_LINE:0:COMP_POINT} words=() current kept= candidate
                read -ra words <<<"$line"
                [[ $line == *[[:space:]] ]] && words+=("")
                current=${words[-1]}
                # bash replaces only what follows the last of these.
                [[ $current == *[:=]* ]] && kept=${current%"${current##*[:=]}"}
                COMPREPLY=()
                while IFS= read -r candidate; do
                    printf -v candidate %q "${candidate#"$kept"}"
                    COMPREPLY+=("$candidate")
                done < <(sandbox __complete -- "${words[@]:1}" 2>/dev/null)
                [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace
            }
            complete -o default -o bashdefault -F _sandbox sandbox

            """#
        case .zsh:
            #"""
            #compdef sandbox
            # Completion of sandbox for zsh: in a folder of $fpath as _sandbox, or eval "$(sandbox completion zsh)"
            _sandbox() {
                local -a candidates
                candidates=("${(@f)$(sandbox __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
                if [[ -n ${candidates[1]} ]]; then
                    compadd -- "${candidates[@]}"
                else
                    _files
                fi
            }
            if [[ ${funcstack[1]} == _sandbox ]]; then _sandbox "$@"; else compdef _sandbox sandbox; fi

            """#
        case .fish:
            #"""
            # Completion of sandbox for fish: in ~/.config/fish/completions/sandbox.fish
            function __sandbox_candidates
                set -l words (commandline -opc) (commandline -ct)
                sandbox __complete -- $words[2..-1] 2>/dev/null
            end
            complete -c sandbox -f -n '__sandbox_candidates | string length -q' -a '(__sandbox_candidates)'

            """#
        }
    }
}

struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "print the completion script of a shell")

    @ArgumentParser.Argument(help: "bash, zsh or fish") var shell: Shell

    func run() { print(shell.script, terminator: "") }
}

struct CompleteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "__complete", abstract: "Print what may come next, one a line.", shouldDisplay: false)

    @ArgumentParser.Argument(help: "the words after `sandbox`; the last one is being typed") var words: [String] = []

    func run() throws {
        let names = ExistingNames(surroundings: try Surroundings())
        for candidate in Self.candidates(words, names) where escaped(candidate) == candidate { print(candidate) }
    }

    private static func formats(_ command: String) -> [String] {
        switch command {
        case "save": SaveFormat.allCases.map(\.rawValue)
        case "diff": ChangesFormat.allCases.map(\.rawValue)
        default: ListFormat.allCases.map(\.rawValue)
        }
    }

    private static func candidates(_ words: [String], _ names: ExistingNames) -> [String] {
        guard let first = words.first, let last = words.last else { return Root.visibleNames }
        if words.count == 1 { return Root.visibleNames.filter { $0.hasPrefix(first) } }
        let rest = Array(words.dropFirst())
        if let command = LaunchCommand(rawValue: first) {
            return OptionCompletion.candidates(for: command, rest, names: names)
        }
        if last.hasPrefix("-") {
            let path = first == "profile" ? Array(words.prefix(2)) : [first]
            return (Mistake.options(of: path) + ["--help"]).filter { $0.hasPrefix(last) }
        }
        let all: [String] =
            switch (first, rest.filter { !$0.hasPrefix("-") || $0.isEmpty }.count) {
            case (_, _) where rest.dropLast().last == "--format": formats(first)
            case ("diff", 1), ("rm", _): names.sandboxes
            case ("export", 1): names.sandboxes + names.images
            case ("rmi", _), ("save", _), ("pull", _), ("inspect", 1), ("tag", _), ("push", _): names.images
            case ("import", 2): names.images
            case ("help", 1): Root.visibleNames
            case ("completion", 1): Shell.allCases.map(\.rawValue)
            case ("profile", 1): ProfileCommand.configuration.subcommands.map(Root.name)
            case ("profile", 2...) where rest[0] != "list": names.profiles
            default: []
            }
        return all.filter { $0.hasPrefix(last) }
    }
}

/// The names of this user's profiles, images, sandboxes and folders.
private struct ExistingNames: CompletionNames {
    let surroundings: Surroundings

    var profiles: [String] {
        Array(Set(surroundings.resolver.search.all().map(\.name))).sorted()
    }

    var images: [String] {
        entries(surroundings.places.images).compactMap { ImageReference(fileName: $0)?.description }.sorted()
    }

    var sandboxes: [String] { entries(surroundings.places.sandboxes).filter(Policy.isSandboxName).sorted() }

    func folders(_ prefix: String) -> [String] {
        let cut = prefix.lastIndex(of: "/").map { prefix.index(after: $0) } ?? prefix.startIndex
        let (folder, start) = (prefix[..<cut], prefix[cut...])
        return entries(folder.isEmpty ? "." : String(folder)).sorted().filter {
            $0.hasPrefix(start) && (start.hasPrefix(".") || !$0.hasPrefix(".")) && isFolder("\(folder)\($0)")
        }.map { "\(folder)\($0)/" }
    }

    func programs(of root: CompletionRoot, _ prefix: String) -> [String] {
        if prefix.contains("/") { return [] }
        var found: Set<String> = []
        for folder in layers(of: root) {
            for place in Self.programFolders {
                // What is found inside is an image's: no link of it leads outside.
                let names: [String]
                do {
                    let top = try Descriptor.open(folder, [.path, .directory])
                    names = try top.openInRoot(place, [.readOnly, .directory]).names()
                } catch { continue }
                found.formUnion(names.filter { $0.hasPrefix(prefix) })
            }
        }
        return found.sorted()
    }

    private static let programFolders = [
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    ]

    /// The folders that a root file system is stacked from.
    private func layers(of root: CompletionRoot) -> [String] {
        switch root {
        case .rootfs("host"): return ["/"]
        case .rootfs(let word) where word.hasPrefix("/") || word.hasPrefix("."): return [word]
        case .rootfs(let word):
            guard let image = ImageReference(word) else { return [] }
            do {
                guard let record = try ImageStore().existing(image) else { return [] }
                return record.layers.flatMap { layer in
                    IdentityMode.allCases.map { surroundings.places.layer(layer.content, $0) }
                }
            } catch { return [] }
        case .sandbox(let name):
            let kept = KeptSandboxes(surroundings.places)
            guard Policy.isSandboxName(name) else { return [] }
            return [surroundings.places.sandboxes + "/" + name + "/upper"]
                + kept.lowers(of: name).map { $0 == "/usr" ? "/" : $0 }
        }
    }

    private func isFolder(_ path: String) -> Bool {
        do { return try FileStatus.of(path).kind == .directory } catch { return false }
    }

    private func entries(_ folder: String) -> [String] {
        do { return try Descriptor.open(folder, [.readOnly, .directory]).names() } catch { return [] }
    }
}
