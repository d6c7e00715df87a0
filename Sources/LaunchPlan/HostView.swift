// What `host` shows of this machine's file tree, and what of it is nobody's business. Pure: the host is asked elsewhere.

import ByteText
import SandboxPolicy

/// The home folder of an account of passwd(5) that is there, without links.
public struct AccountHome: Equatable, Sendable {
    public var uid: UInt32
    public var path: String

    public init(uid: UInt32, path: String) {
        self.uid = uid
        self.path = path
    }
}

/// An allow-list: whoever adds a folder to `/` has not meant every sandbox to read it.
public enum HostView {
    /// System folders of hier(7), and the stores of package managers.
    public static let shownFolders = [
        "bin", "etc", "gnu", "lib", "lib32", "lib64", "libo32", "libx32", "nix", "opt", "sbin", "snap", "usr", "var",
    ]

    /// Folders that programs expect to be there; they are empty.
    public static let emptyFolders = [
        "boot", "home", "lost+found", "media", "mnt", "root", "run", "srv", "tmp",
    ]

    /// Of the shown folders: homes by where systems put them, what is waiting for people (mail, jobs of cron(8) and at(1),
    /// printouts), copies of them, and their crashed processes.
    public static let privateFolders = [
        "/usr/home", "/var/backups", "/var/crash", "/var/home", "/var/lib/systemd/coredump", "/var/mail",
        "/var/roothome", "/var/spool",
    ]

    /// Whether `path`, without links, lies in what is shown.
    public static func isShown(_ path: String) -> Bool {
        PathNames.of(path).first.map(shownFolders.contains) ?? false
    }

    /// Whether an account's home is kept from view. Nobody's home is a system folder, whatever passwd(5) says: accounts
    /// of services have `/`, `/bin` or `/usr/sbin` for want of another. A person has an id from 1000 on (login.defs(5),
    /// UID_MIN), and a home wherever it lies. A service's home is what it keeps for itself, and hidden, below /var and
    /// /opt (/var/lib/jenkins, /var/www), save caches, which come from elsewhere; below /usr and /etc it is what the
    /// package manager laid there (/usr/lib/dovecot). Modes decide nothing: what jenkins keeps is often open to all.
    public static func hides(_ home: AccountHome) -> Bool {
        guard isShown(home.path), !isSystem(home.path) else { return false }
        if isPerson(home.uid) { return true }
        return isBeneath(home.path, "/opt") || (isBeneath(home.path, "/var") && !isBeneath(home.path, "/var/cache"))
    }

    public static func isPerson(_ uid: UInt32) -> Bool { uid >= 1000 && uid != 65534 }

    /// What is hidden of the shown folders: no two one in the other, in the order of their names.
    /// - Parameters:
    ///   - accounts: of passwd(5).
    ///   - callers: the caller's home folders, whether passwd(5) knows of them or not. The folder above holds the homes of
    ///     others whom it may not know of either, unless it is a system folder.
    ///   - own: this program's folders, and others that are hidden in any case.
    public static func hidden(accounts: [AccountHome], callers: [String], own: [String]) -> [String] {
        var paths = accounts.filter(hides).map(\.path)
        for home in callers where isShown(home) && !isSystem(home) {
            let above = PathNames.parent(of: home)
            paths.append(isShown(above) && !isSystem(above) ? above : home)
        }
        paths += own.filter { isShown($0) && !isSystem($0) }
        var found: [String] = []
        for path in paths.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        where !found.contains(where: { isSame($0, path) || isBeneath(path, $0) }) {
            found.append(path)
        }
        return found
    }

    public static func isBeneath(_ path: String, _ folder: String) -> Bool {
        path.utf8.count > folder.utf8.count + 1 && path.utf8.starts(with: folder.utf8)
            && path.utf8.dropFirst(folder.utf8.count).first == UInt8(ascii: "/")
    }

    private static func isSame(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

    /// Folders that many programs share, in whose place no account's can be hidden.
    static func isSystem(_ path: String) -> Bool {
        let names = path.split(separator: "/")
        return switch names.first {
        case nil: true
        case _ where names.count == 1: true
        case "usr" where names.count == 2, "usr" where names.count == 3 && names[1] == "local":
            systemNames.contains(String(names[names.count - 1]))
        case "var" where names.count == 2: varNames.contains(String(names[1]))
        case "var" where names.count == 3 && names[1] == "lib": databases.contains(String(names[2]))
        case "etc": names.count == 2
        case "gnu", "nix": names.count == 2
        default: false
        }
    }

    private static let systemNames: Set<String> = [
        "bin", "etc", "games", "include", "lib", "lib32", "lib64", "libexec", "libx32", "local", "man", "sbin", "share",
        "src",
    ]
    private static let varNames: Set<String> = [
        "cache", "db", "empty", "games", "lib", "local", "lock", "log", "opt", "run", "tmp",
    ]
    /// Of package managers, one of which has an account: rpm.
    private static let databases: Set<String> = [
        "alternatives", "apk", "apt", "dpkg", "flatpak", "misc", "pacman", "portage", "rpm", "snapd", "xbps",
    ]
}

// In scratch, an empty folder for each that is hidden: overlayfs looks for it in `files`, finds it, goes on to what is
// below, and is stopped by a white-out in `hidden`. No mount is needed, so none can be taken off, and a sandbox within this
// one can stack what it sees.
extension LaunchPlan {
    /// What `host` shows, and what not; nil where the root is another.
    struct Shown {
        var folders: [String]
        var hidden: [String]
        var others: [String]

        var lines: [String] {
            ["shows " + words(folders), "shows as empty " + words(HostView.emptyFolders.map { "/" + $0 } + hidden)]
                + (others.isEmpty ? [] : ["does not show " + words(others) + "; --bind brings them"])
                + [
                    "lets only your own files be changed: the system's folders belong to root, who is nobody inside; "
                        + "install into a folder of yours, or use an image"
                ]
        }

        private func words(_ paths: [String]) -> String { paths.map { escaped($0) }.joined(separator: " ") }
    }

    var shown: Shown? {
        guard request.root == .host else { return nil }
        let own = HostView.emptyFolders + ["dev", "proc", "sys"]
        return Shown(
            folders: request.facts.hostRoot.map { "/" + $0.name }, hidden: request.facts.hidden,
            others: request.facts.hostOthers.filter { !own.contains($0) }.map { "/" + $0 })
    }

    static let whiteouts = "hidden"

    /// Hidden places in the top folder `name` of the host.
    func hidden(in name: String) -> [String] { request.facts.hidden.filter { HostView.isBeneath($0, "/" + name) } }

    /// - Parameter mountPoints: those in a hidden folder are made with it.
    func hidingSteps(_ mountPoints: [MountPoint]) -> [Step] {
        var made: [String] = []
        var steps: [Step] = []
        func folder(_ path: String, _ mode: UInt32) {
            if made.contains(path) { return }
            made.append(path)
            steps.append(.makeFolder(scratch: path, mode: mode))
        }
        let names = request.facts.hostRoot.filter { $0.kind == .folder }.map(\.name)
        let places = request.facts.hidden.filter { PathNames.of($0).first.map(names.contains) ?? false }
        if !places.isEmpty { folder(Self.whiteouts, 0o755) }
        for path in places {
            var above = ""
            for name in PathNames.of(path).dropLast() {
                above += "/" + name
                let mode = request.facts.folderModes[above] ?? 0o755
                for layer in [Self.whiteouts, "files"] { folder(layer + above, mode | 0o700) }
            }
            steps.append(.makeWhiteout(scratch: Self.whiteouts + path))
            folder("files" + path, 0o755)
            for point in mountPoints where HostView.isBeneath(point.path, path) {
                if point.isFile {
                    steps.append(.writeFile(scratch: "files" + point.path, content: ""))
                } else {
                    folder("files" + point.path, 0o755)
                }
            }
        }
        return steps
    }
}
