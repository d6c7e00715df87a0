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

    private init(_ telling: Int? = nil, _ texts: [Text] = [], _ change: Change? = nil) {
        self.telling = telling
        self.texts = texts
        self.change = change
    }

    /// Calls by number. What is not here is told of by its name alone.
    static let known: [UInt32: CallShape] = {
        typealias Call = SystemCallNumber
        var shapes: [UInt32: CallShape] = [
            Call.connect: CallShape(nil, [.address(1, length: 2)]),
            Call.sendto: CallShape(nil, [.address(4, length: 5)]),
            Call.bind: CallShape(nil, [.address(1, length: 2)]),
            Call.socket: CallShape(0), Call.unshare: CallShape(0), Call.clone: CallShape(0), Call.setns: CallShape(1),
            Call.ptrace: CallShape(0), Call.personality: CallShape(0), Call.ioctl: CallShape(1), Call.bpf: CallShape(0),
            Call.keyctl: CallShape(0), Call.prctl: CallShape(0),
            Call.mount: CallShape(3, [.string(0), .string(2), .path(1)]), Call.umount2: CallShape(nil, [.path(0)]),
            Call.chroot: CallShape(nil, [.path(0)]),
            Call.openat: CallShape(nil, [.path(1, folder: 0)], .opens(flags: 2)),
            Call.mkdirat: CallShape(nil, [.path(1, folder: 0)], .makes),
            Call.mknodat: CallShape(nil, [.path(1, folder: 0)], .makes),
            Call.unlinkat: CallShape(nil, [.path(1, folder: 0)], .removes),
            Call.renameat2: CallShape(nil, [.path(1, folder: 0)], .removes),
            Call.linkat: CallShape(nil, [.path(3, folder: 2)], .makes),
            Call.symlinkat: CallShape(nil, [.path(2, folder: 1)], .makes),
            Call.truncate: CallShape(nil, [.path(0)], .changes()),
            Call.fchmodat: CallShape(nil, [.path(1, folder: 0)], .changes()),
            Call.fchownat: CallShape(nil, [.path(1, folder: 0)], .changes(flags: 4)),
            Call.utimensat: CallShape(nil, [.path(1, folder: 0)], .changes(flags: 3)),
            Call.setxattr: CallShape(nil, [.path(0)], .changes()),
            Call.lsetxattr: CallShape(nil, [.path(0)], .changesLink),
            Call.removexattr: CallShape(nil, [.path(0)], .changes()),
            Call.lremovexattr: CallShape(nil, [.path(0)], .changesLink),
        ]
        let older: [(UInt32?, CallShape)] = [
            (Call.open, CallShape(nil, [.path(0)], .opens(flags: 1))), (Call.creat, CallShape(nil, [.path(0)], .makes)),
            (Call.mkdir, CallShape(nil, [.path(0)], .makes)), (Call.mknod, CallShape(nil, [.path(0)], .makes)),
            (Call.unlink, CallShape(nil, [.path(0)], .removes)), (Call.rmdir, CallShape(nil, [.path(0)], .removes)),
            (Call.rename, CallShape(nil, [.path(0)], .removes)),
            (Call.renameat, CallShape(nil, [.path(1, folder: 0)], .removes)),
            (Call.link, CallShape(nil, [.path(1)], .makes)), (Call.symlink, CallShape(nil, [.path(1)], .makes)),
            (Call.chmod, CallShape(nil, [.path(0)], .changes())),
            (Call.chown, CallShape(nil, [.path(0)], .changes())),
            (Call.lchown, CallShape(nil, [.path(0)], .changesLink)),
        ]
        // Only looked at: told of while learning.
        let looking: [(UInt32?, CallShape)] = [
            (Call.stat, CallShape(nil, [.path(0)])), (Call.lstat, CallShape(nil, [.path(0)])),
            (Call.access, CallShape(nil, [.path(0)])), (Call.readlink, CallShape(nil, [.path(0)])),
            (Call.chdir, CallShape(nil, [.path(0)])),
            (Call.faccessat, CallShape(nil, [.path(1, folder: 0)])),
            (Call.readlinkat, CallShape(nil, [.path(1, folder: 0)])),
        ]
        for (number, shape) in older + looking { if let number { shapes[number] = shape } }
        return shapes
    }()

    /// Calls that connect somewhere.
    static let connections = [
        WatchedCall(SystemCallNumber.connect), WatchedCall(SystemCallNumber.sendto, where: (argument: 5, bits: .max)),
    ]

    /// Calls that change the file system, as far as their arguments say so without a look into memory.
    static var changes: [WatchedCall] {
        known.sorted { $0.key < $1.key }.compactMap { number, shape in
            switch shape.change {
            case nil: nil
            case .opens(let flags): WatchedCall(number, where: (argument: flags, bits: OpenBits.write))
            case .makes, .removes, .changes, .changesLink: WatchedCall(number)
            }
        }
    }
}
