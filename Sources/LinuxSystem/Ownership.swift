// Whom to believe: the one rule for every file and folder whose content decides what a sandbox may do, or where its
// changes go.

/// Why something is not believed.
public enum Disbelief: Error, Equatable, Sendable {
    /// Somebody else than this user and root has a hand in `path`: what was asked for, or a folder or link on the way
    /// to it. `reason` goes on after its name, as `belongs to user 7`.
    case stranger(path: String, reason: String)
    /// There is nothing to look at, or it can't be looked at.
    case failed(Errno)

    /// What goes on after the name of what was asked for, in a message.
    public func reason(of asked: String) -> String {
        switch self {
        case .stranger(asked, let reason): reason
        case .stranger(let path, let reason): "is reached by way of \(path), which \(reason)"
        case .failed(let errno): "can't be looked at: \(errno)"
        }
    }
}

/// Believed is what this user or root owns, and nobody else can change or replace: the file, and every folder and link
/// on the way to it. Two things are no fault: that others may write a folder on the way that has the sticky bit, since
/// they can't replace there what is ours; and that a group may write that has no account but this user's and root's.
///
/// A value looks at each folder once: make one where a start begins, and throw it away with it.
public struct Ownership: Sendable {
    public let user: UInt32
    /// Folders found good.
    private var good: [String] = []
    /// File systems whose word on owners and modes counts.
    private var goodDevices: [UInt64] = []
    private var accounts: GroupAccounts

    public init(user: UInt32 = Process.effectiveUser) {
        self.user = user
        accounts = GroupAccounts(user: user)
    }

    /// Opens what `path` leads to, where it is believed. Use the descriptor from then on, not the path.
    /// - Parameters:
    ///   - path: absolute.
    ///   - flags: with `.noFollow`, a link at the end is refused with ELOOP.
    public mutating func open(_ path: String, _ flags: OpenFlags) throws(Disbelief) -> Descriptor {
        try open(arrive(path, follows: !flags.contains(.noFollow)).walk, flags, mustBeRegular: false)
    }

    private mutating func open(
        _ walk: PathWalk, _ flags: OpenFlags, mustBeRegular: Bool
    ) throws(Disbelief) -> Descriptor {
        // Links were read on the way: one that is there now was put there since.
        let file = try Self.looked { () throws(Errno) in
            try Descriptor.openWithoutLinks(walk.isRoot ? "/" : walk.place, flags)
        }
        let status = try Self.looked { () throws(Errno) in try file.status() }
        if mustBeRegular, status.kind != .regular { throw .failed(.notRegular) }
        if let reason = fault(of: status, at: walk.place, onTheWay: false) {
            throw .stranger(path: walk.place, reason: reason)
        }
        return file
    }

    /// The same of a regular file that is to be read; nil for the null device. Any other is never opened.
    public mutating func openRegular(_ path: String, _ flags: OpenFlags = []) throws(Disbelief) -> Descriptor? {
        let (walk, known) = try arrive(path, follows: !flags.contains(.noFollow))
        let status = try Self.looked { () throws(Errno) in try Self.end(of: walk, known) }
        if status.isNullDevice { return nil }
        let isLink = status.kind == .symlink
        guard status.kind == .regular else { throw .failed(isLink ? .loop : .notRegular) }
        return try open(
            walk, flags.union([.readOnly, .noFollow, .nonBlocking, .noControllingTerminal]), mustBeRegular: true)
    }

    private static func looked<Value: ~Copyable>(_ body: () throws(Errno) -> Value) throws(Disbelief) -> Value {
        do throws(Errno) { return try body() } catch { throw .failed(error) }
    }

    /// Why what `path` leads to is not believed; nil where it is, and where it is not there and nothing on the way is
    /// somebody else's.
    public mutating func stranger(of path: String) -> Disbelief? {
        do throws(Disbelief) {
            let (walk, known) = try arrive(path, follows: true)
            if good.contains(walk.place) { return nil }
            let status: FileStatus
            do throws(Errno) { status = try Self.end(of: walk, known) } catch { return nil }
            if let reason = fault(of: status, at: walk.place, onTheWay: false) {
                return .stranger(path: walk.place, reason: reason)
            }
            if status.kind == .directory { good.append(walk.place) }
            return nil
        } catch {
            if case .failed = error { return nil }
            return error
        }
    }

    /// Walks to the end of the path, and looks at all that is on the way.
    /// - Returns: with what is at the end, where that was looked at.
    private mutating func arrive(
        _ path: String, follows: Bool
    ) throws(Disbelief) -> (walk: PathWalk, status: FileStatus?) {
        var walk = PathWalk(path)
        while walk.next() {
            if walk.isAtEnd, !follows { break }
            if good.contains(walk.place) { continue }
            let place = walk.isRoot ? "/" : walk.place
            let status = try Self.looked { () throws(Errno) in try FileStatus.ofLink(place) }
            let isLink = status.kind == .symlink
            if walk.isAtEnd, !isLink { return (walk, status) }
            if let reason = fault(of: status, at: walk.place, onTheWay: true) {
                throw .stranger(path: walk.place, reason: reason)
            }
            if isLink {
                let target = try Self.looked { () throws(Errno) in try Files.linkTarget(place) }
                do throws(Errno) { try walk.follow(target) } catch { throw .failed(error) }
            } else if status.permissions & 0o1000 == 0 {
                // In a sticky folder each name counts for itself, and it is no good end of a path.
                good.append(walk.place)
            }
        }
        return (walk, nil)
    }

    private static func end(of walk: PathWalk, _ known: FileStatus?) throws(Errno) -> FileStatus {
        if let known { return known }
        return try FileStatus.ofLink(walk.isRoot ? "/" : walk.place)
    }

    private mutating func fault(of status: FileStatus, at place: String, onTheWay: Bool) -> String? {
        if !goodDevices.contains(status.device) {
            if let other = MadeUpFiles.author(device: status.device, user: user) {
                return "is on a file system of user \(other)'s, who says what is in it and whose it is"
            }
            goodDevices.append(status.device)
        }
        if status.owner != user, status.owner != 0, !(onTheWay && Self.mayBeHostRoot(status.owner)) {
            return "belongs to user \(status.owner)"
        }
        if status.kind == .symlink || (onTheWay && status.permissions & 0o1000 != 0) { return nil }
        if status.permissions & 0o002 != 0 { return "can be written by others" }
        if status.permissions & 0o020 == 0 { return nil }
        // With an access list these bits are what the list gives at most, to whomever (acl(5)).
        if Files.hasAccessList(place) { return "can be written by those in its access list" }
        return accounts.arePrivate(status.group)
            ? nil : "can be written by group \(status.group), which others have too"
    }
}

extension Ownership {
    /// In a user namespace without the host's root, its folders show the id that stands for all that have none here
    /// (user_namespaces(7), "Unmapped user and group IDs"): `/` and `/home` among them, where `sandbox` runs inside
    /// another sandbox.
    public static func mayBeHostRoot(_ owner: UInt32) -> Bool {
        guard owner == 65534, let map = Files.text("/proc/self/uid_map") else { return false }
        let counts = map.split(separator: "\n").map { line in UInt64(line.split(separator: " ").last ?? "") ?? 0 }
        return counts.reduce(0, +) < UInt64(UInt32.max)
    }
}

/// File systems that a program of some user's makes up (fuse(4)): also who owns what is in them.
enum MadeUpFiles {
    /// Who mounted the file system with this device; nil where that is this user or root, or it is the kernel's.
    static func author(device: UInt64, user: UInt32) -> UInt32? {
        // Those that are mounted by others than root have no device of their own: the number is made up too.
        let (major, minor) = ((device >> 8) & 0xfff | (device >> 32) & ~0xfff, device & 0xff | (device >> 12) & ~0xff)
        guard major == 0, let mounts = Files.text("/proc/self/mountinfo") else { return nil }
        for line in mounts.utf8.split(separator: UInt8(ascii: "\n")) {
            // proc_pid_mountinfo(5): the third field is the device; behind the dash come type, source and options.
            let fields = Substring(line).split(separator: " ")
            guard fields.count > 9, fields[2] == "\(major):\(minor)",
                let dash = fields.firstIndex(of: "-"), dash + 3 < fields.count, fields[dash + 1].hasPrefix("fuse")
            else { continue }
            let option = fields[dash + 3].split(separator: ",").first { $0.hasPrefix("user_id=") }
            let author = option.flatMap { UInt32($0.dropFirst(8)) } ?? 0
            return author == user || author == 0 ? nil : author
        }
        return nil
    }
}

extension FileStatus {
    /// `Ownership.stranger` of one path, in words that go on after it; nil also where there is nothing to see.
    public static func stranger(of path: String) -> String? {
        var ownership = Ownership()
        return ownership.stranger(of: path)?.reason(of: path)
    }
}

/// Which accounts of this machine have a group, by passwd(5) and group(5). Read when first asked: mostly nobody asks.
struct GroupAccounts: Sendable {
    let user: UInt32
    private var answers: [(group: UInt32, isPrivate: Bool)] = []

    init(user: UInt32) { self.user = user }

    /// Whether the group is that of this user's account or of root's, and of no other. Accounts that only a directory
    /// service knows are not seen: so a group that no account in the file has first counts as shared.
    mutating func arePrivate(_ group: UInt32) -> Bool {
        if let known = answers.first(where: { $0.group == group }) { return known.isPrivate }
        let isPrivate = Self.isPrivate(
            group, user, passwd: Files.text("/etc/passwd") ?? "", groups: Files.text("/etc/group") ?? "")
        answers.append((group, isPrivate))
        return isPrivate
    }

    static func isPrivate(_ group: UInt32, _ user: UInt32, passwd: String, groups: String) -> Bool {
        var names: [Substring] = []
        var hasOwner = false
        for line in passwd.utf8.split(separator: UInt8(ascii: "\n")) {
            let fields = Substring(line).split(separator: ":", omittingEmptySubsequences: false)
            // A name of + means accounts of elsewhere.
            guard fields.count >= 4, !fields[0].hasPrefix("+") else { return false }
            let isOurs = UInt32(fields[2]) == user || UInt32(fields[2]) == 0
            if isOurs { names.append(fields[0]) }
            guard UInt32(fields[3]) == group else { continue }
            if !isOurs { return false }
            hasOwner = true
        }
        for line in groups.utf8.split(separator: UInt8(ascii: "\n")) {
            let fields = Substring(line).split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 3, !fields[0].hasPrefix("+") else { return false }
            guard UInt32(fields[2]) == group, fields.count > 3 else { continue }
            if fields[3].split(separator: ",").contains(where: { !names.contains($0) }) { return false }
        }
        return hasOwner
    }
}
