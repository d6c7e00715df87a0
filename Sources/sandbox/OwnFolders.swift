// This program's own data, cache and configuration are believed by the next run: whatever a bind or --here shows, they are
// not seen inside. Where one is not there yet, it is made, as something that is there can be covered.

import ByteText
import LaunchPlan
import Launcher
import LinuxSystem
import SandboxPolicy

struct OwnFolders {
    /// By bind, what lies beneath its top: the folders to hide, and what is above them.
    private(set) var kinds: [(bind: Bind, kinds: [String: Protection.Kind])] = []
    /// Those that some bind shows.
    private(set) var places: [Placeholder] = []

    private struct Source {
        var bind: Bind
        var path: HostPath
        var status: FileStatus
    }

    init(_ own: Places, _ binds: [Bind], _ paths: HostPaths) throws {
        var sources: [Source] = []
        for bind in binds where !sources.contains(where: { $0.bind == bind }) {
            let path = try paths.resolve(bind.source, HostPaths.what(.bind, bind.source))
            if let status = path.status { sources.append(Source(bind: bind, path: path, status: status)) }
        }
        for folder in own.all {
            guard let found = try Self.find(folder, sources), let status = found.status else { continue }
            for source in sources { try hide(found, status, in: source) }
        }
    }

    /// Where the folder is; nil where it is not, and nobody inside could make it.
    private static func find(_ folder: String, _ sources: [Source]) throws -> HostPath? {
        do throws(Errno) {
            let path = try HostPath.resolve(folder, mayBeMissing: true)
            if path.status != nil { return path }
        } catch .noEntry {} catch {
            if !sources.contains(where: { PathNames.lies(folder, in: $0.path.place) }) { return nil }
            throw RunError("can't look at \(quoted(folder)), to hide it from the sandbox: \(error)")
        }
        guard let above = nearest(folder),
            let source = sources.first(where: { top(of: above, $0) != nil || above.place == $0.path.place })
        else { return nil }
        do throws(Errno) {
            try Files.makeDirectories(folder)
            return try HostPath.resolve(folder)
        } catch {
            if source.bind.readOnly { return nil }
            throw RunError("can't make \(quoted(folder)), to hide it from the sandbox: \(error)")
        }
    }

    /// The nearest folder above that is there.
    private static func nearest(_ folder: String) -> HostPath? {
        var names = PathNames.of(folder)
        while names.popLast() != nil {
            do throws(Errno) { return try HostPath.resolve("/" + names.joined(separator: "/")) } catch { continue }
        }
        return nil
    }

    /// The folder above `path` that the source is, by whatever name.
    private static func top(of path: HostPath, _ source: Source) -> String? {
        path.nearest(above: path.place) { $1.isSameFile(as: source.status) }
    }

    private mutating func hide(_ own: HostPath, _ status: FileStatus, in source: Source) throws {
        let isWithin =
            source.status.isSameFile(as: status)
            || source.path.nearest(above: source.path.place) { $1.isSameFile(as: status) } != nil
        if isWithin {
            throw RunError(
                "\(quoted(source.bind.source)) can't be shown inside: this program believes what is in "
                    + "\(quoted(own.place)); bind another folder, or change to one (--here)")
        }
        var kinds: [String: Protection.Kind] = [:]
        if let top = Self.top(of: own, source) {
            Self.note(Self.rest(of: own.place, beneath: top), .hidden, &kinds)
            let place = Placeholder(
                folder: PathNames.parent(of: own.place), name: PathNames.of(own.place).last ?? "", content: nil)
            if !places.contains(place) { places.append(place) }
        }
        // A link on the way must lead where it leads now.
        for link in own.links {
            guard let top = own.nearest(above: link, where: { $1.isSameFile(as: source.status) }) else { continue }
            Self.note(Self.rest(of: link, beneath: top), .readOnly, &kinds)
        }
        if kinds.isEmpty { return }
        if let index = self.kinds.firstIndex(where: { $0.bind == source.bind }) {
            self.kinds[index].kinds.merge(kinds) { $1 == .held ? $0 : $1 }
        } else {
            self.kinds.append((source.bind, kinds))
        }
    }

    private static func rest(of path: String, beneath top: String) -> [String] {
        PathNames.of(String(Substring(path.utf8.dropFirst(top.utf8.count))))
    }

    private static func note(_ names: [String], _ kind: Protection.Kind, _ kinds: inout [String: Protection.Kind]) {
        for depth in names.indices.dropLast() {
            let path = names[...depth].joined(separator: "/")
            if kinds[path] == nil { kinds[path] = .held }
        }
        kinds[names.joined(separator: "/")] = kind
    }
}
