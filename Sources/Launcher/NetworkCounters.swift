// The counters of a sandbox's own network, held open by the launcher: they can still be read when all inside has ended.

import LinuxSystem
import Observations

struct NetworkCounters {
    private let tables: [SharedDescriptor?]
    private static let names = ["snmp", "snmp6"]

    /// From PID 1 of the sandbox, before the command is there to put something else in the place of these files.
    static func send(by socket: borrowing Descriptor) throws(Errno) {
        for name in names {
            do throws(Errno) {
                let table = SharedDescriptor(try Descriptor.open("/proc/self/net/" + name, [.readOnly]))
                try withExtendedLifetime(table) { () throws(Errno) in try socket.send(descriptor: table.raw) }
            } catch .noEntry { try socket.send(descriptor: nil) }  // A machine without this version of the protocol.
        }
    }

    init(receivedBy socket: borrowing Descriptor) throws(Errno) {
        var tables: [SharedDescriptor?] = []
        for _ in Self.names {
            if let table = try socket.receiveDescriptor() {
                tables.append(SharedDescriptor(table))
            } else {
                tables.append(nil)
            }
        }
        self.tables = tables
    }

    var counts: NetworkCounts {
        let texts = tables.map { table in
            do throws(Errno) {
                return String(decoding: try table?.descriptor.readAll(limit: 1 << 16) ?? [], as: UTF8.self)
            } catch { return "" }
        }
        return NetworkCounts(version4: texts[0], version6: texts[1])
    }
}
