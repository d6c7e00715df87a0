// What the kernel counts of a network namespace's traffic (/proc/net/snmp, proc_net(5)), and what of that was refused.
// A filter can't see where a call connects to, and to ask somebody who can would cost more than a connection does.

import BPF

/// Counts since the namespace was made, of a network that leads nowhere but to its own loopback.
public struct NetworkCounts: Sendable {
    private var counts: [String: Int] = [:]

    /// - Parameters:
    ///   - version4: /proc/net/snmp: a line of names for each protocol, and one of numbers.
    ///   - version6: /proc/net/snmp6: a name and a number a line.
    public init(version4: String, version6: String) {
        let lines = version4.split(separator: "\n").map { $0.split(separator: " ") }
        for (names, numbers) in zip(lines, lines.dropFirst()) where names.first == numbers.first {
            guard let protocolName = names.first?.dropLast() else { continue }
            for (name, number) in zip(names, numbers).dropFirst() {
                if let number = Int(number) { counts[String(protocolName) + name] = number }
            }
        }
        for line in version6.split(separator: "\n") {
            let fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            if fields.count == 2, let number = Int(fields[1]) { counts[String(fields[0])] = number }
        }
    }

    private func sum(_ names: String...) -> Int { names.reduce(0) { $0 + (counts[$1] ?? 0) } }

    /// What is to be told. A connection to the sandbox's own loopback fails as it does everywhere where nobody listens:
    /// that is told only where nobody did in the whole run, as when a server of this machine's was meant.
    public var observations: [(observation: Observation, count: Int)] {
        var found: [(Observation, Int)] = []
        func add(_ kind: Observation.Kind, _ number: UInt32, _ count: Int) {
            if count > 0 { found.append((Observation(kind, SystemCall(number: number)), count)) }
        }
        add(.connection, Self.connect, sum("IpOutNoRoutes", "Ip6OutNoRoutes"))
        if sum("TcpPassiveOpens") == 0 { add(.unanswered, Self.connect, sum("TcpAttemptFails")) }
        if sum("UdpInDatagrams", "Udp6InDatagrams") == 0 {
            add(.unanswered, Self.send, sum("UdpNoPorts", "Udp6NoPorts"))
        }
        return found
    }

    #if arch(x86_64)
    private static let (connect, send): (UInt32, UInt32) = (42, 44)
    #else
    private static let (connect, send): (UInt32, UInt32) = (203, 206)
    #endif
}
