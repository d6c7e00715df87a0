// What a command of the manager may still do while it reads bytes of strangers: archives, images, TOML, JSON. A hole in
// what reads them then gives the store's part and the inputs, not the user's account.

import BPF
public import LinuxSystem

/// Rules that a process lays on itself before its first thread, and never takes off: Landlock for files (landlock(7)),
/// and a list of the system calls that are left.
public struct Confinement: Sendable {
    public enum Reading: Equatable, Sendable {
        case anything
        /// These files and folders, those that are written, and what libraries read of the system.
        case only([String])
    }

    /// Folders in which anything may be made, changed and removed. They are made where they are missing.
    private let writing: [String]
    private let reading: Reading
    private let hasNetwork: Bool

    /// - Parameter hasNetwork: sockets of the internet's families can be made. None of any other can, ever.
    public init(writing: [String], reading: Reading, hasNetwork: Bool = false) {
        self.writing = writing
        self.reading = reading
        self.hasNetwork = hasNetwork
    }

    /// Lays the rules on this process, which must have one thread. Where the kernel has no Landlock, the calls are limited
    /// and files are not.
    /// - Throws: where the rules can't be laid. The process is not to go on then.
    public func enter() throws(Errno) {
        try Namespacing.setNoNewPrivileges()
        let version = Landlock.version
        if version >= Self.firstVersion { try Landlock.restrict(to: ruleset(version)) }
        // Where everything can be read, everything of the user's could be given another mode.
        let calls = WorkerCalls.program(hasNetwork: hasNetwork, setsAttributes: reading != .anything)
        try Namespacing.installFilter(calls.bytes)
    }

    /// The first that can allow renames between folders.
    private static let firstVersion = 2

    private func ruleset(_ version: Int) throws(Errno) -> LandlockRuleset {
        let held = Right.held(version, reading: reading != .anything)
        let ruleset = try LandlockRuleset(
            files: held, tcpBind: false, tcpConnect: false, scopes: version >= Self.firstWithScopes)
        for folder in writing {
            // A folder that can't be made is reported when something is written to it.
            do throws(Errno) { try Files.makeDirectories(folder) } catch { continue }
            try Self.allow(held & ~Right.execute, beneath: folder, ruleset)
        }
        try Self.allow(held & Right.write, beneath: "/dev/null", ruleset)
        guard case .only(let inputs) = reading else { return ruleset }
        for place in inputs + Self.system + (hasNetwork ? Self.systemForNetwork : []) {
            try Self.allow(held & Right.read, beneath: place, ruleset)
        }
        return ruleset
    }

    private static let firstWithScopes = 6

    /// A place that is not there, or is none, as a pipe, needs no rule.
    private static func allow(
        _ rights: UInt64, beneath path: String, _ ruleset: borrowing LandlockRuleset
    ) throws(Errno) {
        do throws(Errno) {
            let place = try Descriptor.open(path, [.path])
            let isFolder = try place.status().kind == .directory
            try ruleset.allow(isFolder ? rights : rights & Right.ofFiles, beneath: place)
        } catch .noEntry { return } catch .access { return } catch .notDirectory { return } catch .noPlace {
            return
        }
    }

    /// What libraries read while they work: tables of characters and time, the number of processors.
    private static let system = [
        "/usr", "/lib", "/lib64", "/nix/store", "/gnu/store", "/etc/localtime", "/etc/locale.alias", "/proc",
        "/dev/null",
        "/dev/zero", "/dev/random", "/dev/urandom", "/sys/devices/system/cpu",
    ]
    /// How names become addresses, and whom TLS trusts.
    private static let systemForNetwork = [
        "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services",
        "/etc/protocols", "/etc/passwd", "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/crypto-policies",
        "/etc/containers", "/etc/docker/certs.d",
    ]
}

/// LANDLOCK_ACCESS_FS_…, with the kernel's own numbers.
private enum Right {
    static let execute: UInt64 = 1 << 0
    /// Of files, and of folders.
    static let read: UInt64 = 1 << 2 | 1 << 3
    /// Of files: writing and truncating.
    static let write: UInt64 = 1 << 1 | 1 << 14
    /// Removing, making, and moving between folders.
    static let change: UInt64 =
        1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13
    /// Those that a file can have; the others are a folder's.
    static let ofFiles: UInt64 = execute | write | 1 << 2

    /// What is refused where no rule allows it, as far as this version of the interface knows it.
    static func held(_ version: Int, reading: Bool) -> UInt64 {
        let all = execute | write | change | (reading ? read : 0)
        return version >= 3 ? all : all & ~(1 << 14)
    }
}
