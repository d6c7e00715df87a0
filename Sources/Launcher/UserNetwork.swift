// The network of `--network user`: pasta(1) carries the sandbox's packets by sockets of its own outside. What listens on
// this machine is out of reach, by whatever address, and so are abstract sockets.

import LaunchPlan
import LinuxSystem

/// A running pasta. It ends with `stop`, and when the launcher is gone, however that ended.
final class UserNetwork {
    /// Only the launcher holds it open: when it closes, the watcher ends pasta.
    private var alive: SharedDescriptor?
    private let watcher: ProcessID

    private init(alive: SharedDescriptor, watcher: ProcessID) {
        self.alive = alive
        self.watcher = watcher
    }

    /// Starts pasta in the namespaces of `child`, and waits until the network is up.
    /// - Parameter pasta: its path.
    static func start(_ pasta: String, for child: ProcessID) throws(LaunchFailure) -> UserNetwork {
        let network: UserNetwork
        let answer: String
        do throws(Errno) {
            var alive = try PipeEnds()
            var ready = try PipeEnds()
            let watcher = try Namespacing.cloneProcess(0)
            if watcher == 0 {
                Watcher(child: child, alive: alive.keepReader(), output: ready.keepWriter())
                    .run(pasta, words(for: child))
            }
            network = UserNetwork(alive: alive.keepWriter(), watcher: watcher)
            answer = try Self.answer(ready.keepReader().descriptor)
        } catch { throw LaunchFailure(.network, errno: error.rawValue) }
        if !Self.isProcess(answer) {
            network.stop()
            throw LaunchFailure(.network, errno: Errno.noDevice.rawValue, object: answer)
        }
        do throws(Errno) { try OwnAddresses(of: child).close() } catch {
            network.stop()
            throw LaunchFailure(
                .network, errno: error.rawValue, object: "this machine's own addresses can't be closed: \(error)")
        }
        return network
    }

    func stop() {
        alive = nil
        do throws(Errno) { _ = try Process.wait(for: watcher) } catch {}
    }

    /// No port is forwarded, and the gateway's address is the gateway's, not this machine's loopback. The id that pasta
    /// writes down when it is ready comes by its standard output.
    private static func words(for child: ProcessID) -> [String] {
        // Root's pasta becomes nobody, who can't enter root's namespaces, unless told whom to be.
        let identity = Process.effectiveUser == 0 ? ["--runas", "0"] : []
        return ["pasta"] + identity + [
            "--foreground", "--quiet", "--config-net", "--no-map-gw", "--tcp-ports", "none", "--udp-ports", "none",
            "--tcp-ns", "none", "--udp-ns", "none", "--pid", "/proc/self/fd/1", String(child),
        ]
    }

    /// The last line that pasta has said: its process id when it is ready, else why it has ended.
    private static func answer(_ output: borrowing Descriptor) throws(Errno) -> String {
        var said: [UInt8] = []
        while said.count < 64 << 10 {
            let more = try output.read(upTo: 4096)
            said += more
            let last = said.split(separator: UInt8(ascii: "\n")).last.map { String(decoding: $0, as: UTF8.self) } ?? ""
            if more.isEmpty || (said.last == UInt8(ascii: "\n") && isProcess(last)) { return last }
        }
        return ""
    }

    private static func isProcess(_ line: String) -> Bool { ProcessID(line) != nil }
}

/// Between the launcher and pasta, because pasta does not notice that a launcher was killed. It closes the addresses that
/// this machine gets meanwhile.
private struct Watcher {
    let child: ProcessID
    /// Closes when the launcher is gone.
    let alive: SharedDescriptor
    /// For what pasta says.
    let output: SharedDescriptor

    func run(_ pasta: String, _ words: [String]) -> Never {
        do throws(Errno) {
            try Namespacing.closeDescriptors(keeping: alive.raw, output.raw)
            let addresses = try OwnAddresses(of: child)
            // From before the launcher looks at them: none comes unseen.
            let changes = try Routes.changes()
            // The keys of the terminal are for the command.
            try Namespacing.startSession()
            Signals.restoreDefaults()
            let process = try Namespacing.cloneProcess(0)
            if process == 0 { try become(pasta, words) }
            try Namespacing.closeStandardDescriptors()
            let kept = addresses.descriptors
            try Namespacing.closeDescriptors(keeping: alive.raw, changes.raw, kept.users, kept.network)
            while try Watch.next(readable: [alive, changes]) == 1 {
                Routes.take(changes)
                // No network is better than one that is open.
                do throws(Errno) { try addresses.close() } catch { break }
            }
            Process.kill(process, 9)
            _ = try Process.wait(for: process)
        } catch { Process.exit(1) }
        Process.exit(0)
    }

    private func become(_ pasta: String, _ words: [String]) throws(Errno) -> Never {
        try Descriptor.open("/dev/null", [.readWrite]).becomeStandard(0)
        try output.descriptor.becomeStandard(1)
        try output.descriptor.becomeStandard(2)
        try Process.replace(pasta, arguments: words, environment: ["PATH=/usr/bin:/bin"])
    }
}
