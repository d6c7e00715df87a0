// A process outside that outlives the launcher: it takes the placeholders away when the sandbox is gone, however the
// launcher ended, and covers a protected place again when somebody outside has put another file there, by which the
// kernel drops the mount that covered it.

public import LaunchPlan
public import LinuxSystem

public final class Guardian {
    private let protections: [Protection]
    private let placeholders: [Placeholder]
    private let say: (String) -> Void
    /// Held while this process lives: other sandboxes that stand on the same places see it.
    private var held: [(place: Placeholder, lock: SharedDescriptor)] = []
    private var process: ProcessID = 0
    /// The launcher's end: the id of the sandbox's init goes in, and its closing says that the launcher is gone.
    private var launcher: SharedDescriptor?
    /// The sandbox's end: what happens inside waits until it is watched.
    private var sandbox: SharedDescriptor?

    public init(_ protections: [Protection], _ placeholders: [Placeholder], say: @escaping (String) -> Void) {
        self.protections = protections
        self.placeholders = placeholders
        self.say = say
    }

    /// Starts it, and then makes the placeholders: there is no moment at which nobody would remove them.
    /// - Throws: the place that could not be kept from being made, and why not.
    public func start() throws(GuardianError) {
        do throws(Errno) {
            var fromLauncher = try PipeEnds()
            let withSandbox = try PipeEnds(carriesDescriptors: true).both()
            process = try Namespacing.cloneProcess(0)
            if process == 0 {
                Process.exit(watch(fromLauncher.keepReader(), withSandbox.reader))
            }
            launcher = fromLauncher.keepWriter()
            sandbox = withSandbox.writer
        } catch { throw GuardianError(place: nil, errno: error) }
        for place in placeholders {
            do throws(Errno) {
                if let lock = try place.make() { held.append((place, lock)) }
            } catch .readOnly {
                // Nobody can make anything there.
            } catch {
                end()
                throw GuardianError(place: place.folder + "/" + place.name, errno: error)
            }
        }
    }

    /// To be called by the launcher as soon as there is a child.
    func sandboxBegan(_ child: ProcessID) {
        sandbox = nil
        do throws(Errno) { try launcher?.descriptor.write(Array("\(child)\n".utf8)) } catch {}
    }

    /// What the child has to keep open until `waitUntilWatched`.
    var childsDescriptor: Int32? { sandbox?.raw }

    /// To be called by the child when all is mounted.
    func waitUntilWatched() throws(Errno) {
        guard let sandbox else { return }
        try sandbox.descriptor.write([1])
        if try sandbox.descriptor.read(upTo: 1).isEmpty { throw Errno.noData }
        self.sandbox = nil
    }

    /// The sandbox has ended, or has not begun: nothing is left of it that could make anything.
    public func end() {
        for (_, lock) in held { do throws(Errno) { try lock.descriptor.unlock() } catch {} }
        launcher = nil
        if process > 0 { do throws(Errno) { _ = try Process.wait(for: process) } catch {} }
        process = 0
        for (place, lock) in held { place.giveUp(lock) }
        held = []
    }
}

/// A protection that can't be had.
public struct GuardianError: Error, Sendable {
    public let place: String?
    public let errno: Errno
}

// The process itself.
extension Guardian {
    private func watch(_ launcher: SharedDescriptor, _ sandbox: SharedDescriptor) -> Int32 {
        do throws(Errno) {
            try Namespacing.closeDescriptors(keeping: [launcher.raw, sandbox.raw])
            try Namespacing.startSession()
        } catch { return 1 }
        // Whoever reads what the command wrote waits for its end alone.
        for standard: Int32 in 0...1 { _ = Descriptor(owning: standard) }
        Signals.blockSupervised()
        OwnCommandLine.replace(with: "sandbox-guard")
        do throws(Errno) {
            let child = try launcher.descriptor.read(upTo: 32)
            if let child = ProcessID(Self.line(child)) {
                let handle = SharedDescriptor(try Process.handle(of: child))
                do throws(Errno) { try follow(child, launcher, sandbox) } catch {
                    say("what is protected is not watched any more: \(error)")
                }
                // All of the sandbox's processes and mounts are gone when its init is (pid_namespaces(7)). To remove what is
                // still mounted on takes the kernel longer.
                while try Watch.next(readable: [handle]) == nil {}
            }
        } catch {}
        for place in placeholders {
            do throws(Errno) { try place.remove() } catch {
                say("\(place.folder)/\(place.name) is left: \(error); the next start here with --protect takes it away")
            }
        }
        return 0
    }

    private static func line(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// Returns when the launcher has gone, or is through.
    private func follow(_ child: ProcessID, _ launcher: SharedDescriptor, _ sandbox: SharedDescriptor) throws(Errno) {
        // The child asks, or ends before it gets there.
        guard try Watch.next(readable: [launcher, sandbox]) == 1, try !sandbox.descriptor.read(upTo: 1).isEmpty else {
            return
        }
        var covers = try Covers(child, protections)
        try sandbox.descriptor.write([1])
        while true {
            if try Watch.next(readable: [launcher], mounts: covers.mounts) != nil { return }
            let lost = covers.lost()
            if lost.isEmpty { continue }
            for place in placeholders { do throws(Errno) { _ = try place.make() } catch {} }
            try covers.cover(lost)
            for index in lost where protections[index].kind != .held {
                say(
                    "\(protections[index].path) was replaced from outside; it is protected again, and what was written "
                        + "to it at that moment is to be looked at")
            }
        }
    }
}

/// The mounts that cover protected places, seen from outside.
private struct Covers {
    /// Changes when a mount of the sandbox's does.
    let mounts: SharedDescriptor
    private let protections: [Protection]
    private let user: SharedDescriptor
    private let namespace: SharedDescriptor
    /// The top of each bind, by where it is inside.
    private var tops: [String: SharedDescriptor] = [:]
    private var ids: [Int?] = []
    /// Those that are seen inside: another bind may lie over one.
    private var watched: [Int] = []

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
        for index in protections.indices { ids.append(id(index)) }
        watched = protections.indices.filter { ids[$0] != nil }
    }

    private func place(_ index: Int) throws(Errno) -> Descriptor {
        guard let top = tops[protections[index].bind.destination] else { throw Errno.invalid }
        return try top.descriptor.open(protections[index].path, [.path, .noFollow], resolve: [.beneath, .noSymlinks])
    }

    private func id(_ index: Int) -> Int? {
        do throws(Errno) { return try place(index).mountID } catch { return nil }
    }

    /// Which are not covered any more, by the mount that covered them.
    func lost() -> [Int] { watched.filter { ids[$0] == nil || id($0) != ids[$0] } }

    mutating func cover(_ lost: [Int]) throws(Errno) {
        // Entering a mount namespace can't be taken back: a process of its own does.
        let helper = try Namespacing.cloneProcess(0)
        if helper == 0 {
            do throws(Errno) {
                try Namespacing.enter(user: user.descriptor, mounts: namespace.descriptor)
            } catch { Process.exit(1) }
            for index in lost { do throws(Errno) { try cover(index) } catch {} }
            Process.exit(0)
        }
        _ = try Process.wait(for: helper)
        for index in lost { ids[index] = id(index) }
    }

    private func cover(_ index: Int) throws(Errno) {
        let target = try place(index)
        if protections[index].kind == .hidden {
            let empty = try Mounts.create(
                "tmpfs", parameters: [("mode", "555")], attributes: [.readOnly, .noSetID, .noDevices, .noExecution])
            return try Mounts.attach(empty, at: target)
        }
        let copy = try Mounts.copy(target, recursive: true)
        if protections[index].kind != .held { try Mounts.set([.readOnly], on: copy, recursive: true) }
        try Mounts.attach(copy, at: target)
    }
}
