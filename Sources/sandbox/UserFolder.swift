// `--upper DIR`: made, judged and locked; and the lists of layers of such folders, which lie in the user's own data.

import LaunchPlan
import LinuxSystem
import SandboxPolicy

/// `--upper DIR`: a folder that holds the changes and nothing else.
struct UserFolder {
    private let given: String
    private let what: String
    private let path: HostPath
    private let paths: HostPaths

    init(_ given: String, _ paths: HostPaths) throws {
        self.given = given
        self.paths = paths
        what = HostPaths.what(.upper, given)
        do throws(any Error) {
            path = try paths.resolve(given, what, mayBeMissing: true)
            if let status = path.status, status.kind != .directory { throw Errno.notDirectory }
        } catch let error as Errno {
            throw RunError("\(what): \(error)" + (error == .noEntry ? "; make the folder above it first" : ""))
        }
    }

    func prepare(_ lowers: [String], _ policy: Policy, _ over: MadeOver, _ places: Places) throws -> Upper {
        try refuseOverlap(lowers, policy)
        try refuseStrangers(given)
        try refuseDefaultAccess()
        let parts = path.place.split(separator: "/")
        let above = try Descriptor.openWithoutLinks(
            "/" + parts.dropLast().joined(separator: "/"), [.readOnly, .directory])
        try above.makeDirectoryIfMissing(String(parts.last ?? "."), mode: 0o755)
        let made = try HostPath.resolve(path.place)
        guard made.place == path.place, let status = made.status, made.status?.kind == .directory,
            path.status?.isSameFile(as: status) ?? true
        else { throw Errno.stale }
        paths.hold(made.place, status)
        paths.show(made)
        let lock = try locked(status, places)
        let record = places.upperRecord(device: status.device, inode: status.inode)
        let isEmpty = try Descriptor.openWithoutLinks(made.place, [.readOnly, .directory]).names().isEmpty
        if !isEmpty { try refuseOthers(above, record) }
        let (state, outer) = try work(in: above)
        let before = isEmpty ? nil : try MadeOver.read(in: outer)
        if let before, let word = try over.compare(with: before, what, file: state + "/" + MadeOver.name),
            !policy.quiet
        {
            Message.say(word)
        }
        if !Files.isAccessible(record, 0) { UpperRecords.forgetGone(places) }
        // Its mode is that of `/` inside. Where others could look into it, it stays as closed as it is.
        let top: UpperTop = before == nil && made.isOutOfReach ? .mode : .kept
        if top == .kept, status.permissions & 0o001 == 0 { try refuseClosed(to: policy.user, over.mode) }
        return Upper(
            folders: UpperFolders(upper: made.place, work: state + "/work", disposable: false, top: top), lock: lock,
            list: (record, [made.place]), over: MadeOver.Record(over, in: outer))
    }

    /// As a user without rights inside, nobody could enter a root that is closed to others.
    private func refuseClosed(to user: UserChoice?, _ mode: IdentityMode) throws {
        guard mode == .range, let user, user.uid != 0, user.user != "root" else { return }
        throw RunError(
            "\(what) is closed to others, and so to user \(quoted(user.user)) inside; put it into a folder of yours that is "
                + "closed (mkdir -m 700), where its own mode becomes that of /")
    }

    /// What is there must be changes: anything else would be deleted by the first white-out, and taken for a part of the
    /// root file system.
    private func refuseOthers(_ above: borrowing Descriptor, _ record: String) throws {
        let state = Places.besideUpper(path.place)
        if Files.isAccessible(state + "/work", 0) { return }
        if OwnFile.read(record).map(Words.split)?.first == path.place { return }
        throw RunError(
            "\(what) is not empty, and no sandbox has kept its changes there; give an empty folder (to show it inside: "
                + "--bind \(given); to lay it over ROOTFS: --layer \(given); if it does hold an overlay's changes: "
                + "mkdir -p -m 700 \(state)/work)")
    }

    private func refuseOverlap(_ lowers: [String], _ policy: Policy) throws {
        let place = path.place
        for lower in lowers where path.lies(in: lower) || lower.utf8.starts(with: (place + "/").utf8) {
            throw RunError(
                "\(what) and the layer \(quoted(lower)) lie one in the other; choose a folder outside of every layer")
        }
        // An upper that the sandbox can replace would lead the next run anywhere.
        let shown = policy.binds.first {
            !$0.readOnly && (path.lies(in: $0.source) || $0.source.utf8.starts(with: (place + "/").utf8))
        }
        if let source = shown?.source ?? paths.folderOfThisRun(of: path) {
            throw RunError(
                "\(what) lies where the sandbox can write through \(quoted(source)); choose a folder outside of it")
        }
    }

    /// What is in an upper is run, and what a run leaves there may be private.
    private func refuseStrangers(_ place: String) throws {
        guard let reason = FileStatus.stranger(of: place) else { return }
        throw RunError(
            "\(what) \(reason), who could put anything in it for you to run; choose a folder that is yours alone")
    }

    /// A default access list gives others what is made in a folder, and is handed on to new folders (acl(5)).
    private func refuseDefaultAccess() throws {
        let parts = path.place.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
        let place = path.status == nil ? "/" + parts.dropLast().joined(separator: "/") : path.place
        guard Files.hasDefaultAccessList(place) else { return }
        throw RunError(
            "\(what): \(quoted(place)) has a default access list, which may give others what is made there; take it "
                + "away with `setfacl -k`, or choose another folder")
    }

    /// By what the folder is, in the user's own data: anybody who can read a folder can lock it itself.
    private func locked(_ status: FileStatus, _ places: Places) throws -> SharedDescriptor {
        try Files.makeDirectories(places.data)
        let lock = SharedDescriptor(try .open(places.lock, [.readWrite, .create, .noFollow], mode: 0o600))
        let record = places.upperRecord(device: status.device, inode: status.inode)
        do throws(Errno) {
            try lock.descriptor.lockByte(at: Places.lockOffset(of: record), exclusive: true, wait: false)
        } catch .wouldBlock { throw Upper.inUse(given) } catch .access { throw Upper.inUse(given) }
        return lock
    }

    /// The work folder of overlayfs, `.NAME.sandbox/work` beside the upper.
    private func work(in above: borrowing Descriptor) throws -> (state: String, SharedDescriptor) {
        let state = Places.besideUpper(path.place)
        let name = String(state.split(separator: "/").last ?? "")
        let outer = SharedDescriptor(try own(above, name, state))
        let inner = try own(outer.descriptor, "work", state + "/work")
        paths.hold(state + "/work", try inner.status())
        return (state, outer)
    }

    private func own(_ above: borrowing Descriptor, _ name: String, _ place: String) throws -> Descriptor {
        try above.makeDirectoryIfMissing(name, mode: 0o700)
        do throws(Errno) {
            let folder = try above.open(name, [.path, .directory, .noFollow], resolve: [.beneath, .noSymlinks])
            let status = try folder.status()
            if status.owner == Process.effectiveUser, status.permissions & 0o022 == 0 { return folder }
        } catch {
            guard error == .notDirectory || error == .loop else { throw error }
        }
        let (owner, outer) = (try above.status(of: name).owner, try above.status())
        if owner != Process.effectiveUser, outer.owner != Process.effectiveUser, outer.permissions & 0o1000 != 0 {
            throw RunError(
                "\(what) needs \(quoted(place)) beside it, which user \(owner) has made and only they can remove; choose "
                    + "another folder")
        }
        throw RunError("\(quoted(place)) is not a folder of yours alone; remove it, it is made anew")
    }
}

extension Descriptor {
    fileprivate borrowing func makeDirectoryIfMissing(_ name: String, mode: UInt32) throws(Errno) {
        do throws(Errno) { try makeDirectory(name, mode: mode) } catch .exists {}
    }
}

/// The lists of layers of uppers that lie anywhere.
private enum UpperRecords {
    /// Drops those of folders that are no more.
    static func forgetGone(_ places: Places) {
        do throws(Errno) {
            for name in try Descriptor.open(places.upperRecords, [.readOnly, .directory]).names() {
                let file = places.upperRecords + "/" + name
                guard let place = OwnFile.read(file).map(Words.split)?.first else { continue }
                do throws(Errno) {
                    let status = try FileStatus.ofLink(place)
                    if places.upperRecord(device: status.device, inode: status.inode) == file { continue }
                } catch .noEntry {} catch { continue }
                try Files.remove(file)
            }
        } catch { return }
    }
}
