// A user inside, by number or by name in the image's own passwd(5) and group(5).

import LaunchPlan
import LinuxSystem
import SandboxPolicy

struct Account {
    var uid: UInt32
    var gid: UInt32
    var groups: [UInt32]
    var home: String

    /// Reads the files of the root that this process is already in. They are the image's: taken as hostile text.
    static func find(_ choice: UserChoice) throws(LaunchFailure) -> Account {
        let users = lines("/etc/passwd", fields: 7)
        let entry = users.first { choice.uid == nil ? $0[0] == choice.user : UInt32($0[2]) == choice.uid }
        var account: Account
        if let entry, let uid = UInt32(entry[2]), let gid = UInt32(entry[3]), uid != .max, gid != .max {
            account = Account(uid: uid, gid: gid, groups: [], home: entry[5].isEmpty ? "/" : entry[5])
        } else if let uid = choice.uid {
            account = Account(uid: uid, gid: choice.gid ?? 0, groups: [], home: "/")
        } else {
            throw LaunchFailure(.user, errno: Errno.noEntry.rawValue, object: choice.user)
        }
        let groups = lines("/etc/group", fields: 4)
        if let group = choice.group {
            guard let gid = choice.gid ?? groups.first(where: { $0[0] == group }).flatMap({ UInt32($0[2]) }) else {
                throw LaunchFailure(.user, errno: Errno.noEntry.rawValue, object: group)
            }
            account.gid = gid
        } else if let name = entry?[0] {
            account.groups = groups.filter { $0[3].split(separator: ",").contains(Substring(name)) }
                .compactMap { UInt32($0[2]) }
        }
        return account
    }

    /// Colon-separated lines with at least this many fields; none where there is no such regular file.
    private static func lines(_ path: String, fields: Int) -> [[String]] {
        let content: [UInt8]
        do throws(Errno) {
            let root = try Descriptor.open("/", [.path, .directory])
            let file = try root.openInRoot(path, [.readOnly, .nonBlocking, .noControllingTerminal])
            guard try file.status().kind == .regular else { return [] }
            content = try file.readAll(limit: 1 << 20)
        } catch { return [] }
        return content.split(separator: UInt8(ascii: "\n")).map {
            $0.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
        }.filter { $0.count >= fields }
    }
}
