// Which addresses are a machine's own, and the same made another's (rtnetlink(7)).

import CLinux
import Glibc

/// Addresses that a packet never leaves the machine for: one, or a whole prefix.
public struct OwnAddress: Hashable, Sendable {
    /// AF_INET or AF_INET6.
    let family: UInt8
    let prefix: UInt8
    let bytes: [UInt8]

    /// 127.0.0.0/8 and ::1, which each network namespace has for itself.
    var isLoopback: Bool {
        family == UInt8(AF_INET) ? bytes[0] == 127 : bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1
    }
}

/// The routing tables of this process's network namespace.
public struct Routes: ~Copyable {
    private let socket: SharedDescriptor

    public init() throws(Errno) { socket = SharedDescriptor(Descriptor(owning: try call { sb_open_routes(0) })) }

    /// Something to read from when addresses come or go.
    public static func changes() throws(Errno) -> SharedDescriptor {
        SharedDescriptor(Descriptor(owning: try call { sb_open_routes(1) }))
    }

    /// Takes what there is to read of `changes`; what was lost (ENOBUFS) was a change too.
    public static func take(_ changes: SharedDescriptor) {
        do throws(Errno) {
            while try !changes.descriptor.read(upTo: 16 << 10).isEmpty {}
        } catch {}
    }

    /// All but those of the loopback, from the table `local`.
    public func ownAddresses() throws(Errno) -> [OwnAddress] {
        var found: [OwnAddress] = []
        for family in [AF_INET, AF_INET6] {
            let body = Self.route(UInt8(family), prefix: 0, type: 0, scope: 0)
            try socket.descriptor.write(Self.message(UInt16(RTM_GETROUTE), flags: NLM_F_REQUEST | 0x300, body))
            do throws(Errno) {
                try answers { message in
                    if let address = Self.ownAddress(message) { found.append(address) }
                }
            } catch .noAddressFamily {} catch .notSupported {}  // A kernel without IPv6.
        }
        return found
    }

    /// From here on packets to these stay in this namespace, where nobody listens; also those that name the device, which
    /// would get past a route that only refuses.
    /// - Parameter device: index of the interface by which they would leave.
    public func makeOwn(_ address: OwnAddress, device: UInt32) throws(Errno) {
        var body = Self.route(address.family, prefix: address.prefix, type: UInt8(RTN_LOCAL), scope: 254)
        body += Self.attribute(UInt16(RTA_DST.rawValue), address.bytes)
        body += Self.attribute(UInt16(RTA_OIF.rawValue), Self.bytes(device))
        try socket.descriptor.write(
            Self.message(UInt16(RTM_NEWROUTE), flags: NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body))
        do throws(Errno) { try answers { _ in } } catch .exists {}
    }

    /// The first interface beside the loopback; nil where there is none.
    public static var device: UInt32? {
        for index: UInt32 in 1..<64 {
            var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
            guard unsafe if_indextoname(index, &name) != nil else { continue }
            if name.prefix(3) != [CChar(bitPattern: UInt8(ascii: "l")), CChar(bitPattern: UInt8(ascii: "o")), 0] {
                return index
            }
        }
        return nil
    }
}

// Messages: netlink(7), "struct nlmsghdr", and rtnetlink(7), "struct rtmsg".
extension Routes {
    private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
        unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    private static func message(_ type: UInt16, flags: Int32, _ body: [UInt8]) -> [UInt8] {
        bytes(UInt32(16 + body.count)) + bytes(type) + bytes(UInt16(flags)) + bytes(UInt32(1)) + bytes(UInt32(0)) + body
    }

    private static func route(_ family: UInt8, prefix: UInt8, type: UInt8, scope: UInt8) -> [UInt8] {
        [
            family, prefix, 0, 0, UInt8(RT_TABLE_LOCAL.rawValue), type == 0 ? 0 : UInt8(RTPROT_STATIC), scope, type, 0,
            0, 0, 0,
        ]
    }

    private static func attribute(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
        bytes(UInt16(4 + value.count)) + bytes(type) + value
    }

    /// Hands over each message of an answer, to its end.
    /// - Throws: what the kernel says went wrong.
    private func answers(_ body: (ArraySlice<UInt8>) -> Void) throws(Errno) {
        while true {
            var rest = try socket.descriptor.read(upTo: 64 << 10)[...]
            while rest.count >= 16 {
                let length = Self.number(rest.prefix(4))
                guard length >= 16, length <= rest.count else { throw .invalid }
                let message = rest.prefix(length)
                switch Self.number(message.dropFirst(4).prefix(2)) {
                case Int(NLMSG_DONE): return
                case Int(NLMSG_ERROR):
                    let error = Int32(truncatingIfNeeded: Self.number(message.dropFirst(16).prefix(4)))
                    if error != 0 { throw Errno(-error) }
                    return
                default: body(message)
                }
                rest = rest.dropFirst(min(rest.count, (length + 3) & ~3))
            }
        }
    }

    /// What a route of the table `local` leads to, where that is this machine.
    private static func ownAddress(_ message: ArraySlice<UInt8>) -> OwnAddress? {
        let header = Array(message.dropFirst(16).prefix(12))
        guard header.count == 12, header[4] == UInt8(RT_TABLE_LOCAL.rawValue), header[1] > 0,
            [UInt8(RTN_LOCAL), UInt8(RTN_ANYCAST)].contains(header[7])
        else { return nil }
        let size = header[0] == UInt8(AF_INET) ? 4 : 16
        var rest = message.dropFirst(28)
        while rest.count >= 4 {
            let length = number(rest.prefix(2))
            guard length >= 4, length <= rest.count else { return nil }
            if number(rest.dropFirst(2).prefix(2)) == Int(RTA_DST.rawValue), length == 4 + size {
                let address = OwnAddress(
                    family: header[0], prefix: header[1], bytes: Array(rest.dropFirst(4).prefix(size)))
                return address.isLoopback ? nil : address
            }
            rest = rest.dropFirst(min(rest.count, (length + 3) & ~3))
        }
        return nil
    }
}
