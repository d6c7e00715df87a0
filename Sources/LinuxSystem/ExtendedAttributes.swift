// Extended attributes of any file, links and unreadable ones among them (xattr(7)).

import CLinux
import Glibc

extension Descriptor {
    // A descriptor opened with O_PATH has no fgetxattr(2); its name in /proc has, and leads to the file itself.
    private var procPath: String { "/proc/self/fd/\(raw)" }

    /// The names of all attributes that this process may see; none where the file system has no attributes.
    public borrowing func attributeNames() throws(Errno) -> [String] {
        let path = procPath
        var list = [CChar](repeating: 0, count: 1024)
        do throws(Errno) {
            let length = try grow(&list) { unsafe listxattr(path, &$0, $0.count) }
            return list[..<length].split(separator: 0).map {
                String(decoding: $0.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            }
        } catch .notSupported { return [] } catch .loop { return [] }
    }

    /// An attribute's whole value, or nil where there is none. `name` carries its name space.
    public borrowing func wholeAttribute(_ name: String) throws(Errno) -> [UInt8]? {
        let path = procPath
        var value = [UInt8](repeating: 0, count: 1024)
        do throws(Errno) {
            let length = try grow(&value) { unsafe getxattr(path, name, &$0, $0.count) }
            return Array(value[..<length])
        } catch .noData { return nil } catch .notSupported { return nil } catch .loop { return nil }
    }

    /// Whether an overlay with `userxattr` shows nothing of the folders below this one
    /// (Documentation/filesystems/overlayfs, "whiteouts and opaque directories").
    public borrowing func isOpaque() throws(Errno) -> Bool {
        try wholeAttribute("user.overlay.opaque") == [UInt8(ascii: "y")]
    }

    /// Sets an attribute, new or not (setxattr(2)).
    public borrowing func setAttribute(_ name: String, to value: [UInt8]) throws(Errno) {
        let path = procPath
        try call { unsafe setxattr(path, name, value, value.count, 0) }
    }

    /// Removes an attribute, if there is one (removexattr(2)).
    public borrowing func removeAttribute(_ name: String) throws(Errno) {
        let path = procPath
        do throws(Errno) { try call { unsafe removexattr(path, name) } } catch .noData {} catch .notSupported {}
    }

    /// Tries with more room until the answer fits: it may grow between two calls.
    private borrowing func grow<Element: FixedWidthInteger>(
        _ room: inout [Element], _ body: (inout [Element]) -> Int
    ) throws(Errno) -> Int {
        while true {
            do throws(Errno) { return try call { body(&room) } } catch Errno(ERANGE) where room.count < 1 << 20 {
                room = [Element](repeating: 0, count: room.count * 4)
            }
        }
    }
}

extension Files {
    /// Whether a file has an access list beside its mode (acl(5)): with one that says no more, there is none.
    static func hasAccessList(_ path: String) -> Bool {
        unsafe lgetxattr(path.forC, "system.posix_acl_access", nil, 0) > 0
    }

    /// Whether a folder has a list for what is made in it (acl(5), "Object creation and default ACLs").
    public static func hasDefaultAccessList(_ path: String) -> Bool {
        unsafe lgetxattr(path.forC, "system.posix_acl_default", nil, 0) > 0
    }
}
