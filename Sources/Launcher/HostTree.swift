// What of this machine's file tree is somebody's own: asked for ROOTFS `host`, which does not show it.

import ByteText
public import LaunchPlan
import LinuxSystem

/// Accounts of passwd(5), read once: by hand, because getpwent(3) loads plug-ins, which a static program can't. Whoever
/// has accounts from elsewhere (LDAP) has at least the caller's home from its environment.
struct AccountHomes {
    /// nil where the caller has no line.
    private(set) var callersName: String?
    /// As the lines give them.
    private var given: [AccountHome] = []
    private let caller: UInt32

    /// - Parameter homes: whether they are wanted, too.
    init(caller: UInt32, homes: Bool) {
        self.caller = caller
        Facts.forEachRecord(of: "/etc/passwd") { line in
            guard let uid = line.number(2) else { return }
            if callersName == nil, uid == caller { callersName = String(decoding: line[0], as: UTF8.self) }
            let home = line[5]
            if homes, home.count > 1, home.first == UInt8(ascii: "/") {
                given.append(AccountHome(uid: uid, path: ByteText.text(home)))
            }
        }
    }

    /// Those that are there and may be shown, without links. Most accounts' are in one folder, which is looked at once;
    /// services' are looked at only where they are named by what is shown.
    func found() -> [AccountHome] {
        var parents: [String: String] = [:]
        return given.compactMap { home in
            guard HostView.isPerson(home.uid) || HostView.isShown(home.path) else { return nil }
            let parent = PathNames.parent(of: home.path)
            let folder = parents[parent] ?? HostTree.believedCanonical(parent, of: caller) ?? ""
            parents[parent] = folder
            guard !folder.isEmpty, let name = PathNames.of(home.path).last else { return nil }
            let path = (folder == "/" ? "" : folder) + "/" + name
            return HostTree.believedCanonical(path, of: caller).map { AccountHome(uid: home.uid, path: $0) }
        }
    }

    /// The caller's homes by the environment and by passwd(5).
    func callers(_ environment: String?) -> [String] {
        let homes = given.filter { $0.uid == caller }.map(\.path) + (environment.map { [$0] } ?? [])
        return homes.filter { $0.hasPrefix("/") }.compactMap { HostTree.canonical($0) }
    }
}

enum HostTree {
    /// Without links; nil where there is nothing to see, and then nothing to hide.
    static func canonical(_ path: String) -> String? {
        do throws(Errno) { return try Files.canonical(path) } catch { return nil }
    }

    /// The same by way of links that are root's or this user's: another's could lead to what all need. Nothing is asked of
    /// folders, for one may be a file system of somebody's who does not answer.
    static func believedCanonical(_ path: String, of user: UInt32) -> String? {
        var walk = PathWalk(path)
        while walk.next() {
            do throws(Errno) {
                let target = try Files.linkTarget(walk.place)
                let owner = try FileStatus.ofLink(walk.place).owner
                guard owner == 0 || owner == user || Ownership.mayBeHostRoot(owner) else { return nil }
                try walk.follow(target)
            } catch .invalid { continue } catch { return nil }  // EINVAL: no link.
        }
        return walk.isRoot ? "/" : walk.place
    }

    static func kind(_ path: String) -> FileKind? {
        do throws(Errno) { return try FileStatus.ofLink(path).kind } catch { return nil }
    }

    static func permissions(_ path: String) -> UInt32 {
        do throws(Errno) { return try FileStatus.of(path).permissions & 0o777 } catch { return 0o755 }
    }
}

extension Facts {
    /// - Parameter own: this program's folders.
    mutating func readHidden(_ accounts: AccountHomes, _ own: [String]) {
        // A link whose name is not shown must not be seen by what it leads to (/home to /var/home).
        let emptied = HostView.emptyFolders.map { "/" + $0 }.filter { HostTree.kind($0) == .symlink }
        hidden = HostView.hidden(
            accounts: accounts.found(), callers: accounts.callers(Process.environment("HOME")),
            own: (own + HostView.privateFolders + emptied).compactMap { HostTree.canonical($0) })
        for path in hidden {
            var folder = PathNames.parent(of: path)
            while folder != "/", folderModes[folder] == nil {
                folderModes[folder] = HostTree.permissions(folder)
                folder = PathNames.parent(of: folder)
            }
        }
    }

    /// Which of the host's folders lie in each of these layers.
    public mutating func readLayers(_ layers: [String]) {
        for layer in layers {
            layerFolders[layer] = hostRoot.filter { $0.kind == .folder }.map(\.name).filter {
                HostTree.kind(layer + "/" + $0) == .directory
            }
        }
    }

    mutating func readHostRoot() {
        do throws(Errno) {
            for name in try Descriptor.open("/", [.readOnly, .directory]).names().sorted() {
                guard HostView.shownFolders.contains(name) else {
                    hostOthers.append(name)
                    continue
                }
                switch try FileStatus.ofLink("/" + name).kind {
                case .directory:
                    // One that this user may not enter can't be shown either.
                    if Files.isAccessible("/" + name, 5) { hostRoot.append(HostEntry(name: name, kind: .folder)) }
                case .symlink:
                    hostRoot.append(HostEntry(name: name, kind: .link(to: try Files.linkTarget("/" + name))))
                default: break
                }
            }
        } catch { hostRoot = [] }
    }
}
