// A process outside that outlives the launcher: it takes the placeholders away when the sandbox is gone, however the
// launcher ended, and covers a protected place again when somebody outside has put another file there, by which the
// kernel drops the mount that covered it.

public import LaunchPlan
public import LinuxSystem

public final class Guardian {
    private let protections: [Protection]
    private let placeholders: [Placeholder]
    /// What to put in a folder of the host under a name that has lost what it had.
    private let standIn: (_ folder: String, _ name: String) -> Placeholder
    private let links: GitLinks
    private let say: (String) -> Void
    /// Held while this process lives: other sandboxes that stand on the same places see it.
    private var held: [(place: Placeholder, lock: SharedDescriptor)] = []
    private var process: ProcessID = 0
    /// The sandbox's user namespace, kept for what has to be done there when all in it has ended.
    private var users: SharedDescriptor?
    /// The launcher's end: the id of the sandbox's init goes in, and its closing says that the launcher is gone.
    private var launcher: SharedDescriptor?
    /// The sandbox's end: what happens inside waits until it is watched.
    private var sandbox: SharedDescriptor?

    public init(
        _ protections: [Protection], _ placeholders: [Placeholder], links: GitLinks,
        standIn: @escaping (_ folder: String, _ name: String) -> Placeholder, say: @escaping (String) -> Void
    ) {
        self.protections = protections
        self.placeholders = placeholders
        self.links = links
        self.standIn = standIn
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
            try Namespacing.closeDescriptors(keeping: launcher.raw, sandbox.raw)
            try Namespacing.startSession()
        } catch { return 1 }
        // Whoever reads what the command wrote waits for its end alone.
        for standard: Int32 in 0...1 { _ = Descriptor(owning: standard) }
        Signals.blockSupervised()
        OwnCommandLine.replace(with: "sandbox-guard")
        // While the launcher makes the sandbox: it waits for this only when all is mounted.
        let before = links.begin(say)
        var standIns = StandIns(standIn)
        do throws(Errno) {
            let child = try launcher.descriptor.read(upTo: 32)
            if let child = ProcessID(Self.line(child)) {
                let handle = SharedDescriptor(try Process.handle(of: child))
                do throws(Errno) { try follow(child, launcher, sandbox, &standIns) } catch {
                    say("what is protected is not watched any more: \(error)")
                }
                // A launcher that was killed first leaves a child that waits for an answer from here, and nobody to end it.
                sandbox.descriptor.shutDown()
                // All of the sandbox's processes and mounts are gone when its init is (pid_namespaces(7)). To remove what is
                // still mounted on takes the kernel longer.
                while try Watch.next(readable: [handle]) == nil {}
            }
        } catch {}
        if !links.isClean(before) { withAllRights { links.sweep(before, say) } }
        links.end(before)
        for place in placeholders {
            do throws(Errno) { try place.remove() } catch {
                say("\(place.folder)/\(place.name) is left: \(error); the next start here with --protect takes it away")
            }
        }
        standIns.remove()
        return 0
    }

    private static func line(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// What belongs to other ids of the sandbox, and what is closed to its owner, is not closed to a process in there.
    private func withAllRights(_ body: () -> Void) {
        guard let users else { return body() }
        do throws(Errno) { try Apart.run(in: users.descriptor) { body() } } catch { body() }
    }

    /// Returns when the launcher has gone, or is through.
    private func follow(
        _ child: ProcessID, _ launcher: SharedDescriptor, _ sandbox: SharedDescriptor, _ standIns: inout StandIns
    ) throws(Errno) {
        // The child asks, or ends before it gets there.
        guard try Watch.next(readable: [launcher, sandbox]) == 1, try !sandbox.descriptor.read(upTo: 1).isEmpty else {
            return
        }
        var covers = try ProtectedCovers(child, protections)
        users = covers.user
        try sandbox.descriptor.write([1])
        // Whatever was heard: what counts is whether each place is covered now, until it is.
        var pause = covers.interval
        while true {
            let ready = try Watch.ready([launcher, covers.changes.signals], covers.mounts, within: pause)
            if ready[0] { return }
            covers.changes.take()
            pause = covers.settle(&standIns, say)
        }
    }
}

/// What was put in the place of what somebody outside took away while the sandbox ran.
struct StandIns {
    private let standIn: (_ folder: String, _ name: String) -> Placeholder
    private var all: [(place: Placeholder, folder: SharedDescriptor, lock: SharedDescriptor)] = []

    init(_ standIn: @escaping (_ folder: String, _ name: String) -> Placeholder) { self.standIn = standIn }

    /// - Parameters:
    ///   - folder: where it is to stand, which may have been moved since it was at `path`.
    mutating func make(_ name: String, in folder: SharedDescriptor, at path: String) throws(Errno) {
        let place = standIn(path, name)
        // Something else may be there by now.
        if let lock = try place.make(in: folder.descriptor) { all.append((place, folder, lock)) }
    }

    func remove() {
        // One may be there twice.
        for (_, _, lock) in all { do throws(Errno) { try lock.descriptor.unlock() } catch {} }
        for (place, folder, lock) in all {
            do throws(Errno) { try place.remove(from: folder.descriptor) } catch {}
            place.giveUp(lock)
        }
    }
}
