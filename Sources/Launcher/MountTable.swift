// What is mounted where, as this process sees it (proc(5), mountinfo).

import LinuxSystem

public struct MountTable {
    private let lines: [[Substring]]
    private let text: String

    public init() {
        text = Files.text("/proc/self/mountinfo") ?? ""
        lines = text.split(separator: "\n").map { $0.split(separator: " ") }
    }

    /// Nothing is known to be mounted at `/` where the root was changed by chroot(2).
    var hasRoot: Bool { lines.isEmpty || lines.contains { $0.count > 4 && $0[4] == "/" } }

    /// Where something is mounted; spaces in them are written `\040`.
    var points: [String] { lines.filter { $0.count > 4 }.map { String($0[4]) } }

    /// The type of the file system that a file or folder is on.
    public func fileSystemType(of path: String) -> String? {
        do throws(Errno) {
            let place = try Descriptor.open(path, [.path])
            let info = Files.text("/proc/self/fdinfo/\(place.raw)") ?? ""
            let mount = info.split(separator: "\n").first { $0.hasPrefix("mnt_id:") }?.split(separator: "\t").last
            guard let mount, let line = lines.first(where: { $0.first == mount }) else { return nil }
            return Self.type(line)
        } catch { return nil }
    }

    /// Where a file system of this type is mounted, and which of its folders.
    public func first(ofType type: String) -> (place: String, root: String)? {
        lines.first { Self.type($0) == type && $0.count > 4 }.map { (String($0[4]), String($0[3])) }
    }

    /// The optional fields before it end with a dash.
    private static func type(_ line: [Substring]) -> String? {
        guard let dash = line.firstIndex(of: "-"), dash + 1 < line.count else { return nil }
        return String(line[dash + 1])
    }
}
