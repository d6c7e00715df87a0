// Which parts of a call tell what it was about.

import BPF
import LinuxSystem

/// Where a call's meaning lies in its arguments.
struct CallShape {
    enum Text {
        /// A string.
        case string(Int)
        /// A path, below the folder that another argument is a descriptor of (nil: the current one).
        case path(Int, folder: Int? = nil)
        /// A socket address, and the argument that has its length (nil: as long as the address says).
        case address(Int, length: Int)
    }

    /// How a call changes the file system.
    enum Change {
        /// Makes the path, which must not be there.
        case makes
        /// Takes the path itself out of its folder, wherever it leads.
        case removes
        /// Puts something in place of the path, which may be there.
        case replaces
        /// Changes what is there: where the path leads, or itself where an argument has AT_SYMLINK_NOFOLLOW.
        case changes(flags: Int? = nil)
        /// Changes the path itself, wherever it leads.
        case changesLink
        /// open(2), by its flags.
        case opens(flags: Int)

        /// Whether a call with these arguments asks for a change.
        func isMade(by arguments: [UInt64]) -> Bool {
            guard case .opens(let flags) = self else { return true }
            return UInt32(truncatingIfNeeded: arguments[flags]) & OpenBits.write != 0
        }
    }

    /// The argument that is a flag, a request or a family.
    var telling: Int?
    var texts: [Text] = []
    /// What it does with the last path.
    var change: Change?

    /// A call that one argument tells all about.
    private static func telling(_ argument: Int) -> CallShape { CallShape(telling: argument) }

    private static func path(_ name: Int, folder: Int? = nil, _ change: Change? = nil) -> CallShape {
        CallShape(texts: [.path(name, folder: folder)], change: change)
    }

    private static func renaming(_ from: Int, folder: Int? = nil, to: Int, folder newFolder: Int? = nil) -> CallShape {
        CallShape(texts: [.path(from, folder: folder), .path(to, folder: newFolder)], change: .replaces)
    }

    private static func address(_ pointer: Int, length: Int) -> CallShape {
        CallShape(texts: [.address(pointer, length: length)])
    }

    /// Calls by number. What is not here is told of by its name alone. Those that only look are told of while learning.
    static let known: [UInt32: CallShape] = {
        typealias Call = SystemCallNumber
        var shapes: [UInt32: CallShape] = [
            Call.connect: address(1, length: 2), Call.sendto: address(4, length: 5), Call.bind: address(1, length: 2),
            Call.socket: telling(0), Call.unshare: telling(0), Call.clone: telling(0), Call.setns: telling(1),
            Call.ptrace: telling(0), Call.personality: telling(0), Call.ioctl: telling(1), Call.bpf: telling(0),
            Call.keyctl: telling(0), Call.prctl: telling(0),
            Call.mount: CallShape(telling: 3, texts: [.string(0), .string(2), .path(1)]), Call.umount2: path(0),
            Call.chroot: path(0), Call.chdir: path(0),
            Call.openat: path(1, folder: 0, .opens(flags: 2)), Call.mkdirat: path(1, folder: 0, .makes),
            Call.mknodat: path(1, folder: 0, .makes), Call.linkat: path(3, folder: 2, .makes),
            Call.symlinkat: path(2, folder: 1, .makes), Call.unlinkat: path(1, folder: 0, .removes),
            Call.renameat: renaming(1, folder: 0, to: 3, folder: 2),
            Call.renameat2: renaming(1, folder: 0, to: 3, folder: 2),
            Call.truncate: path(0, .changes()), Call.fchmodat: path(1, folder: 0, .changes()),
            Call.fchownat: path(1, folder: 0, .changes(flags: 4)),
            Call.utimensat: path(1, folder: 0, .changes(flags: 3)), Call.setxattr: path(0, .changes()),
            Call.lsetxattr: path(0, .changesLink), Call.removexattr: path(0, .changes()),
            Call.lremovexattr: path(0, .changesLink), Call.faccessat: path(1, folder: 0),
            Call.readlinkat: path(1, folder: 0),
        ]
        #if arch(x86_64)
        let older: [UInt32: CallShape] = [
            Call.open: path(0, .opens(flags: 1)), Call.creat: path(0, .makes), Call.mkdir: path(0, .makes),
            Call.mknod: path(0, .makes), Call.link: path(1, .makes), Call.symlink: path(1, .makes),
            Call.unlink: path(0, .removes), Call.rmdir: path(0, .removes), Call.rename: renaming(0, to: 1),
            Call.chmod: path(0, .changes()), Call.chown: path(0, .changes()), Call.lchown: path(0, .changesLink),
            Call.stat: path(0), Call.lstat: path(0), Call.access: path(0), Call.readlink: path(0),
        ]
        shapes.merge(older) { first, _ in first }
        #endif
        return shapes
    }()

    /// Calls that change the file system, as far as their arguments say so without a look into memory.
    /// - Parameter openings: the flags of open(2) that count.
    static func changes(openings: UInt32) -> [WatchedCall] {
        known.sorted { $0.key < $1.key }.compactMap { number, shape in
            switch shape.change {
            case nil: nil
            case .opens(let flags): WatchedCall(number, where: (argument: flags, bits: openings))
            case .makes, .removes, .replaces, .changes, .changesLink: WatchedCall(number)
            }
        }
    }
}
