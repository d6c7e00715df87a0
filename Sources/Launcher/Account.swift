// A user inside, by number or by name in the image's own passwd(5) and group(5), as container engines read them.

import ByteText
import LaunchPlan
import LinuxSystem
import SandboxPolicy

struct Account {
    var uid: UInt32
    var gid: UInt32
    /// All groups, `gid` among them: without it a program that changes its group could get around a mode that gives this
    /// group less than others.
    var groups: [UInt32]
    var home: String

    /// - Throws: where a name is in no line, or a line that counts has an id which is none.
    static func find(_ choice: UserChoice) throws(LaunchFailure) -> Account {
        var account = Account(uid: choice.uid ?? 0, gid: 0, groups: [], home: "/")
        var name: [UInt8]?
        try AccountFile.users.search { line throws(LaunchFailure) in
            let isMeant = choice.uid.map { $0 == line.number(2) } ?? line[0].elementsEqual(choice.user.utf8)
            guard isMeant else { return false }
            name = Array(line[0])
            account.uid = try id(line, 2, .users)
            account.gid = try id(line, 3, .users)
            if !line[5].isEmpty { account.home = ByteText.text(line[5]) }
            return true
        }
        if name == nil, choice.uid == nil { throw unknown(choice.user) }
        if let gid = choice.gid {
            account.gid = gid
        } else if let group = choice.group {
            account.gid = try self.group(group)
        } else if let name {
            account.groups = try groups(of: name).filter { $0 != account.gid }
        }
        account.groups.insert(account.gid, at: 0)
        return account
    }

    private static func group(_ name: String) throws(LaunchFailure) -> UInt32 {
        var found: UInt32?
        try AccountFile.groups.search { line throws(LaunchFailure) in
            guard line[0].elementsEqual(name.utf8) else { return false }
            found = try id(line, 2, .groups)
            return true
        }
        guard let found else { throw unknown(name) }
        return found
    }

    /// Those whose line lists this user.
    private static func groups(of user: [UInt8]) throws(LaunchFailure) -> [UInt32] {
        var found: [UInt32] = []
        try AccountFile.groups.search { line throws(LaunchFailure) in
            if line[3].split(separator: UInt8(ascii: ",")).contains(where: { $0.elementsEqual(user) }) {
                found.append(try id(line, 2, .groups))
            }
            return false
        }
        return found
    }

    private static func id(_ line: FieldLine, _ field: Int, _ file: AccountFile) throws(LaunchFailure) -> UInt32 {
        // The greatest number means "no change" to the kernel (setresuid(2)).
        guard let id = line.number(field), id != .max else { throw file.failure(.overflow) }
        return id
    }

    private static func unknown(_ name: String) -> LaunchFailure {
        LaunchFailure(.user, errno: Errno.noEntry.rawValue, object: name)
    }
}
