// What the image says of the folders that this program lays something over: `/`, and those of generated files. An overlay's
// folder has mode and owner of its topmost layer, and hides what is a link further down.

import ByteText
import LaunchPlan
import LinuxSystem

/// Mode and owner that a folder gets.
private struct FolderRights: Equatable {
    var mode: UInt32 = 0o755
    var user: UInt32 = 0
    var group: UInt32 = 0

    init() {}

    init(_ status: FileStatus) {
        mode = status.permissions
        user = status.owner
        group = status.group
    }

    func give(to folder: borrowing Descriptor, owner: Bool = true) throws(Errno) {
        // What is mapped nowhere belongs to nobody, who can't be given anything.
        if owner, user != 0 || group != 0 {
            do throws(Errno) { try folder.setOwnerOfPlace(user, group) } catch .invalid {} catch .permission {}
        }
        try folder.setMode(mode)
    }
}

extension StepWalker {
    func fit(
        _ layers: [LowerFolder], _ isFolder: Bool, _ folders: [String], _ upper: UpperFolder, _ top: UpperTop
    ) throws(Errno) {
        let rights = try rightsOfRoot(layers, isFolder)
        for name in ["files", LaunchPlan.top] where rights != FolderRights() {
            do throws(Errno) { try rights.give(to: openScratch(name)) } catch .noEntry {}
        }
        if top != .kept, let folder = try folderOf(upper)?.upper {
            try rights.give(to: folder.descriptor, owner: top == .modeAndOwner)
        }
        for name in folders {
            switch try find(name, in: layers) {
            case .folder(let rights): try rights.give(to: openScratch("files/" + name))
            case .link: return try layWhereLinksLead(layers, folders)
            case .nothing: continue
            }
        }
    }

    /// A layer that says nothing of `/` has what new folders have: then the next one below counts.
    private func rightsOfRoot(_ layers: [LowerFolder], _ isFolder: Bool) throws(Errno) -> FolderRights {
        for case .slot(let slot) in layers {
            var rights = FolderRights(try placed(slot).descriptor.status())
            if isFolder {
                // Closed to others it is for its owner's sake outside; nobody's it is where its owner is not mapped.
                if rights.mode & 0o007 == 0 { rights.mode = 0o755 }
                if rights.user == 65534 { (rights.user, rights.group) = (0, 0) }
            }
            if rights != FolderRights() { return rights }
        }
        return FolderRights()
    }

    private enum Found {
        case folder(FolderRights)
        /// It is a link, or the way to it leads through one.
        case link
        case nothing
    }

    /// What the topmost layer that has `name` has there.
    private func find(_ name: String, in layers: [LowerFolder]) throws(Errno) -> Found {
        for case .slot(let slot) in layers {
            do throws(Errno) {
                let status = try placed(slot).descriptor
                    .open(name, [.path, .noFollow], resolve: [.beneath, .noSymlinks]).status()
                switch status.kind {
                case .directory: return .folder(FolderRights(status))
                case .symlink: return .link
                default: return .nothing
                }
            } catch .noEntry {} catch .loop { return .link } catch .notDirectory { return .nothing } catch .access {
                return .nothing
            }
        }
        return .nothing
    }

    /// The image alone is mounted aside, so that its links lead where they do; what lies in `files` is moved there. A link
    /// that leads nowhere has nothing to be hidden, and stays covered by a folder.
    private func layWhereLinksLead(_ layers: [LowerFolder], _ folders: [String]) throws(Errno) {
        try makeFolder("image", 0o755)
        try mountAside(layers, at: "image")
        let image = try openScratch("image")
        let top = try Files.linkTarget("/proc/self/fd/\(image.raw)")
        let scratch = try place(withScratch())
        var places: [String: String] = [:]
        for name in folders {
            let (parent, last) = Self.parts(name)
            let now = Self.join(places[parent] ?? parent, last)
            places[name] = now
            let led: String
            do throws(Errno) {
                let found = try image.openInRoot(name, [.path, .directory])
                led = String(try Files.linkTarget("/proc/self/fd/\(found.raw)").dropFirst(top.count + 1))
            } catch .noEntry { continue } catch .loop { continue } catch .notDirectory { continue }
            try makeAsInImage(led, image)
            places[name] = led
            if led == now { continue }
            let from = try openScratch("files/" + now)
            let to = try openScratch(led.isEmpty ? "files" : "files/" + led)
            for entry in try openedToRead("files/" + now).fileNames() { try from.rename(entry, to: entry, in: to) }
            try scratch.descriptor.removeDirectory("files/" + now)
        }
        // The one below the image is not seen where the image's own folder is elsewhere.
        guard let etc = places["etc"] else { return }
        do throws(Errno) { _ = try image.openInRoot("etc/mtab", [.path, .noFollow]) } catch .noEntry {
            try scratch.descriptor.makeSymlink("files/" + Self.join(etc, "mtab"), to: "/proc/mounts")
        }
    }

    /// The folder `path` in `files`, with all above it, each with the rights it has in the image.
    private func makeAsInImage(_ path: String, _ image: borrowing Descriptor) throws(Errno) {
        var place = ""
        for name in path.split(separator: "/") {
            place = Self.join(place, String(name))
            try makeFolder("files/" + place, 0o755)
            try FolderRights(image.openInRoot(place, [.path, .directory]).status()).give(
                to: openScratch("files/" + place))
        }
    }

    private func openedToRead(_ path: String) throws(Errno) -> Descriptor {
        try withScratch().descriptor.open(path, [.readOnly, .directory], resolve: [.beneath, .noSymlinks])
    }

    private static func parts(_ path: String) -> (parent: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return ("", path) }
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    private static func join(_ folder: String, _ name: String) -> String { folder.isEmpty ? name : folder + "/" + name }

    /// What is missing of the image's own working folder. Where it can't be made, entering it says so.
    func makeInside(_ path: String) throws(Errno) {
        do throws(Errno) { _ = try openMountPoint(path, isFile: false) } catch .notDirectory {} catch .readOnly {
        } catch .loop {} catch .exists {} catch .access {} catch .busy {}
    }
}
