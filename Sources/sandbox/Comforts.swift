// `--with`: what makes a shell one's own, each only when it is asked for, and only what it takes.

import Launcher
import LinuxSystem
import SandboxPolicy

struct Comforts {
    /// Where the command's home is inside.
    let home: String
    private let ownHome: String

    init(_ settings: [Setting]) {
        let given = settings.last { $0.option == .env && $0.value.hasPrefix("HOME=/") }
        home = given.map { String($0.value.dropFirst(5)) } ?? "/root"
        ownHome = Process.environment("HOME").flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/"
    }

    /// Binds and variables in place of each `--with`.
    static func replaced(_ settings: [Setting]) throws -> [Setting] {
        if !settings.contains(where: { $0.option == .with }) { return settings }
        let comforts = Comforts(settings)
        return try settings.flatMap { setting in
            guard setting.option == .with else { return [setting] }
            return [setting]
                + (try setting.value.split(separator: ",").flatMap { try comforts.settings(String($0), setting) })
        }
    }

    private func settings(_ name: String, _ asked: Setting) throws -> [Setting] {
        func bind(_ source: String, _ inside: String, readOnly: Bool = true) -> Setting {
            let place = Bind.escaped(home + "/" + inside)
            return Setting(.bind, "\(Bind.escaped(source)):\(place)" + (readOnly ? ":ro" : ""), asked.origin)
        }
        switch name {
        case "git":
            let found = gitFiles.filter { Files.isAccessible($0.source, 4) }
            if found.isEmpty {
                throw RunError(
                    "--with git: you have no settings of git's of your own; `git config --global user.name NAME` makes them"
                )
            }
            return found.map { bind($0.source, $0.inside) }
        case "ssh-agent":
            guard let socket = Process.environment("SSH_AUTH_SOCK"), socket.hasPrefix("/"),
                Files.isAccessible(socket, 2)
            else {
                throw RunError(
                    "--with ssh-agent: SSH_AUTH_SOCK names no agent that answers; start one: eval $(ssh-agent) && ssh-add"
                )
            }
            return [
                bind(socket, ".ssh-agent"), Setting(.env, "SSH_AUTH_SOCK=\(home)/.ssh-agent", asked.origin),
            ]
        case "history":
            let folder = history(of: try Process.currentFolder())
            do throws(Errno) { try Files.makeDirectories(folder) } catch {
                throw RunError("--with history: can't make \(quoted(folder)): \(error)")
            }
            // A folder, because shells put a new file in place of the old.
            return [
                bind(folder, ".shell-history", readOnly: false),
                Setting(.env, "HISTFILE=\(home)/.shell-history/history", asked.origin),
            ]
        default:
            throw UsageError("--with \(quoted(asked.value)): \(quoted(name)) is none of git, ssh-agent, history")
        }
    }

    /// Not among this program's own folders: what is there is believed, and a sandbox writes this.
    private func history(of folder: String) -> String {
        folderOfUser("XDG_STATE_HOME", "/.local/state") + "/sandbox/history/" + EntryKey("history", [folder]).name
    }

    private func folderOfUser(_ variable: String, _ fallback: String) -> String {
        Process.environment(variable).flatMap { $0.hasPrefix("/") ? $0 : nil } ?? ownHome + fallback
    }

    /// Settings alone: what lies beside them may be credentials.
    private var gitFiles: [(source: String, inside: String)] {
        let folder = folderOfUser("XDG_CONFIG_HOME", "/.config")
        return [(ownHome + "/.gitconfig", ".gitconfig")]
            + ["config", "ignore", "attributes"].map { (folder + "/git/" + $0, ".config/git/" + $0) }
    }
}
