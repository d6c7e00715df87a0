// A path of the host resolved once: where it leads without links, what lies there, and which links led to it.

import ByteText
import CLinux
import Glibc

/// What was found may be used by its descriptor, or by `place` opened without following links and compared with `status`.
public struct HostPath: Sendable {
    /// Absolute, as it was given.
    public let given: String
    /// Absolute, without links, `.` and `..`.
    public let place: String
    /// What is there, opened with `.path`; nil where nothing is, in a folder that is there.
    public let file: SharedDescriptor?
    public let status: FileStatus?
    /// The places of the links on the way.
    public let links: [String]
    /// The folders on the way, and those above the links.
    private let folders: [(place: String, status: FileStatus)]

    /// - Parameters:
    ///   - given: relative to the current folder where it does not begin with `/`.
    ///   - mayBeMissing: the last name need not be there.
    /// - Throws: what the kernel would say of such a path; ELOOP too where a folder became a link meanwhile,
    ///   and `.anothersLink`.
    public static func resolve(_ given: String, mayBeMissing: Bool = false) throws(Errno) -> HostPath {
        guard !given.isEmpty else { throw .noEntry }
        let whole = given.utf8.first == UInt8(ascii: "/") ? given : try Process.currentFolder() + "/" + given
        var resolution = Resolution(whole)
        try resolution.run(mayBeMissing: mayBeMissing)
        let isFolder = given.utf8.last == UInt8(ascii: "/")
        if isFolder, let status = resolution.status, status.kind != .directory { throw .notDirectory }
        return HostPath(
            given: whole, place: resolution.place, file: resolution.file, status: resolution.status,
            links: resolution.links, folders: resolution.folders)
    }

    /// The nearest folder above `place` that `isWanted`; `place` is this one's, or that of a link on the way to it.
    public func nearest(above place: String, where isWanted: (String, FileStatus) -> Bool) -> String? {
        var place = place
        while place != "/" {
            place = PathWalk.above(place)
            if place.isEmpty { place = "/" }
            if let folder = folders.last(where: { $0.place == place }), isWanted(folder.place, folder.status) {
                return place
            }
        }
        return nil
    }

    /// Whether a folder above it lets nobody through but its owner and root: modes below do not count for others.
    public var isOutOfReach: Bool {
        var accounts = GroupAccounts(user: Process.effectiveUser)
        return nearest(above: place) { folder, status in
            status.permissions & 0o001 == 0
                && (status.permissions & 0o010 == 0
                    || !Files.hasAccessList(folder) && accounts.arePrivate(status.group))
        } != nil
    }

    /// Whether it lies in `folder`, or is that.
    public func lies(in folder: String) -> Bool { PathNames.lies(place, in: folder) }
}

/// One walk along a path.
private struct Resolution {
    private var walk: PathWalk
    private(set) var links: [String] = []
    private(set) var folders: [(place: String, status: FileStatus)] = []
    private(set) var file: SharedDescriptor?
    private(set) var status: FileStatus?
    /// Where a link of proc(5) led to what has no path, as a pipe.
    private var special: String?

    init(_ path: String) { walk = PathWalk(path) }

    var place: String { special ?? (walk.isRoot ? "/" : walk.place) }

    mutating func run(mayBeMissing: Bool) throws(Errno) {
        folders.append(("/", try FileStatus.ofLink("/")))
        while walk.next() {
            do throws(Errno) { try look() } catch .noEntry where mayBeMissing && walk.isAtEnd { return }
            if special != nil { return }
        }
        let file = try Descriptor.openWithoutLinks(place, [.path])
        status = try file.status()
        self.file = SharedDescriptor(file)
    }

    private mutating func look() throws(Errno) {
        let status = try FileStatus.ofLink(place)
        switch status.kind {
        case .directory: folders.append((place, status))
        case .symlink: try follow(status)
        default: if !walk.isAtEnd { throw .notDirectory }
        }
    }

    private mutating func follow(_ link: FileStatus) throws(Errno) {
        links.append(place)
        try Self.refuseAnothersLink(link, in: PathWalk.above(place))
        let target = try Files.linkTarget(place)
        if try link.device == FileStatus.of("/proc").device, try leadsElsewhere(target) {
            // One of proc(5) that leads to what its text does not name.
            guard walk.isAtEnd else { throw .loop }
            let file = try Descriptor.open(place, [.path])
            status = try file.status()
            self.file = SharedDescriptor(file)
            special = place
            return
        }
        try walk.follow(target)
    }

    private func leadsElsewhere(_ target: String) throws(Errno) -> Bool {
        let led = try FileStatus.of(place)
        let text = target.utf8.first == UInt8(ascii: "/") ? target : PathWalk.above(place) + "/" + target
        do throws(Errno) { return try !FileStatus.of(text).isSameFile(as: led) } catch { return true }
    }

    /// Who owns a link chooses which of this user's files are meant. In a shared folder, as the kernel does with
    /// fs.protected_symlinks (proc_sys_fs(5)), which does not see links that are read here.
    private static func refuseAnothersLink(_ link: FileStatus, in folder: String) throws(Errno) {
        if link.owner != Process.effectiveUser, link.owner != 0, !Ownership.mayBeHostRoot(link.owner) {
            throw .anothersLink
        }
        if MadeUpFiles.author(device: link.device, user: Process.effectiveUser) != nil { throw .anothersLink }
        let above = try FileStatus.ofLink(folder.isEmpty ? "/" : folder)
        let isShared = above.permissions & 0o1002 == 0o1002
        if isShared, link.owner != above.owner, link.owner != Process.effectiveUser { throw .anothersLink }
    }
}
