// The mounts that cover protected places, looked at from outside. Somebody outside can take one off by putting another file
// there, and can move what it covers away with it, of which no mount tells: so what is asked is always what is there now.

import ByteText
import LaunchPlan
import LinuxSystem

struct ProtectedCovers {
    /// Changes when a mount of the sandbox's does.
    let mounts: SharedDescriptor
    let changes: FolderChanges
    /// Some folders can't be watched: then it is looked from time to time.
    private var isBlind = false
    private let protections: [Protection]
    let user: SharedDescriptor
    private let namespace: SharedDescriptor
    /// The top of each bind, by where it is inside.
    private var tops: [String: SharedDescriptor] = [:]
    /// Those that are seen inside: another bind may lie over one.
    private var watched: [Int] = []
    /// When one was found gone, in the milliseconds of `Clock`.
    private var goneSince: [Int: Int] = [:]
    private var saidAt: [Int: Int] = [:]
    private var rounds = 0

    /// Programs that replace a file often take it away first: so long nothing is put in its place.
    private static let patience = 20
    private static let interval = 500

    private enum State {
        case covered
        /// To be covered: this much of the path is there.
        case open(Int)
        /// So many names of the path are there; the next is not, and could be made.
        case gone(Int, in: SharedDescriptor)
    }

    init(_ child: ProcessID, _ protections: [Protection]) throws(Errno) {
        self.protections = protections
        let own = "/proc/\(child)/"
        mounts = SharedDescriptor(try .open(own + "mounts", [.readOnly]))
        user = SharedDescriptor(try .open(own + "ns/user", [.readOnly]))
        namespace = SharedDescriptor(try .open(own + "ns/mnt", [.readOnly]))
        let root = try Descriptor.open(own + "root", [.path, .directory])
        for protection in protections where tops[protection.bind.destination] == nil {
            tops[protection.bind.destination] = SharedDescriptor(
                try root.openInRoot(protection.bind.destination, [.path, .directory]))
        }
        changes = try FolderChanges()
        for index in protections.indices {
            do throws(Errno) {
                if case .covered = try look(index) { watched.append(index) }
            } catch {}
        }
        watchFolders()
    }

    /// How long to wait for a change.
    var interval: Int? { isBlind ? Self.interval : nil }

    private mutating func watchFolders() {
        var folders: [String: SharedDescriptor] = [:]
        isBlind = false
        for index in watched {
            let protection = protections[index]
            let above = PathNames.of(protection.path).dropLast().joined(separator: "/")
            let key = protection.bind.destination + "\u{0}" + above
            guard folders[key] == nil, let top = tops[protection.bind.destination] else { continue }
            do throws(Errno) {
                folders[key] = SharedDescriptor(
                    try top.descriptor.open(
                        above.isEmpty ? "." : above, [.readOnly, .directory], resolve: [.beneath, .noSymlinks]))
            } catch .noEntry {} catch .notDirectory {} catch { isBlind = true }  // Gone: a place above it is seen to.
        }
        do throws(Errno) { try changes.watch(Array(folders.values)) } catch { isBlind = true }
    }

    private func look(_ index: Int) throws(Errno) -> State {
        guard var folder = tops[protections[index].bind.destination] else { throw .invalid }
        let names = PathNames.of(protections[index].path)
        for (depth, name) in names.enumerated() {
            let file: Descriptor
            do throws(Errno) {
                file = try folder.descriptor.open(name, [.path, .noFollow], resolve: [.beneath, .noSymlinks])
            } catch .noEntry {
                return try folder.descriptor.isReadOnly ? .covered : .gone(depth, in: folder)
            }
            let place = try file.place()
            let isLast = depth == names.count - 1
            if isLast || place.kind != .directory {
                let isHeld = protections[index].kind == .held && place.kind == .directory
                let isClosed = try file.isReadOnly
                return place.isTop && (isHeld || isClosed) ? .covered : .open(depth + 1)
            }
            folder = SharedDescriptor(file)
        }
        return .covered
    }
}

// Covering again.
extension ProtectedCovers {
    /// - Returns: after how many milliseconds to look again; nil when all is covered.
    mutating func settle(_ standIns: inout StandIns, _ say: (String) -> Void) -> Int? {
        // Other folders may be there by now; what changes from here on is heard.
        if rounds > 0 { watchFolders() }
        var open: [(index: Int, depth: Int)] = []
        var isAnyGone = false
        let now = Clock.milliseconds
        places: for index in watched {
            let state: State
            do throws(Errno) { state = try look(index) } catch { continue }
            switch state {
            case .covered: goneSince[index] = nil
            case .open(let depth): open.append((index, depth))
            case .gone(let depth, let folder):
                isAnyGone = true
                let since = goneSince[index] ?? now
                goneSince[index] = since
                if now - since < Self.patience { continue }
                if standIn(index, depth, folder, &standIns, say) { open.append((index, depth + 1)) }
                // Covered before anything is looked for in it.
                if depth + 1 < PathNames.of(protections[index].path).count || protections[index].kind == .held {
                    break places
                }
            }
        }
        if open.isEmpty, !isAnyGone {
            rounds = 0
            return interval
        }
        cover(open)
        for (index, _) in open where protections[index].kind != .held { tell(index, say) }
        rounds += 1
        // Whoever goes on replacing, or lets nothing be made there, takes no more than a part of a processor's time.
        return rounds > 50 ? 100 : isAnyGone ? Self.patience : 0
    }

    private func standIn(
        _ index: Int, _ depth: Int, _ folder: SharedDescriptor, _ standIns: inout StandIns, _ say: (String) -> Void
    ) -> Bool {
        let names = PathNames.of(protections[index].path)
        let path = ([protections[index].bind.source] + names[..<depth]).joined(separator: "/")
        do throws(Errno) {
            try standIns.make(names[depth], in: folder, at: path)
            return true
        } catch {
            if rounds == 10 { say("\(path)/\(names[depth]) can't be kept from being made: \(error)") }
            return false
        }
    }

    private mutating func tell(_ index: Int, _ say: (String) -> Void) {
        let now = Clock.milliseconds
        if let last = saidAt[index], now - last < 1000 { return }
        saidAt[index] = now
        say(
            "\(protections[index].path) was replaced from outside; it is protected again, and what was written "
                + "to it at that moment is to be looked at")
    }

    private func cover(_ places: [(index: Int, depth: Int)]) {
        do throws(Errno) {
            try Apart.run(in: user.descriptor) { () throws(Errno) in
                try Namespacing.enter(namespace.descriptor)
                for (index, depth) in places { do throws(Errno) { try cover(index, depth) } catch {} }
            }
        } catch {}
    }

    private func cover(_ index: Int, _ depth: Int) throws(Errno) {
        let protection = protections[index]
        // One before may have covered this one too.
        if case .covered = try look(index) { return }
        guard let top = tops[protection.bind.destination] else { return }
        let names = PathNames.of(protection.path)
        let target = try top.descriptor.open(
            names[..<depth].joined(separator: "/"), [.path, .noFollow], resolve: [.beneath, .noSymlinks])
        let isWhole = depth == names.count
        if isWhole, protection.kind == .hidden {
            let empty = try Mounts.create(
                "tmpfs", parameters: [("mode", "555")], attributes: [.readOnly, .noSetID, .noDevices, .noExecution])
            return try Mounts.attach(empty, at: target)
        }
        let copy = try Mounts.copy(target, recursive: true)
        // What is empty because a folder above was taken away is no place to make something in.
        let status = try target.status()
        let isHeld = isWhole && protection.kind == .held && status.kind == .directory && !Placeholder.hasMode(status)
        if !isHeld { try Mounts.set([.readOnly], on: copy, recursive: true) }
        try Mounts.attach(copy, at: target)
    }
}
