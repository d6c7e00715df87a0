// The capabilities of capabilities(7), by number.

/// A capability; the raw value is its bit in the kernel's sets (linux/capability.h).
public enum Capability: Int, CaseIterable, Sendable {
    case cap_chown = 0
    case cap_dac_override, cap_dac_read_search, cap_fowner, cap_fsetid, cap_kill, cap_setgid, cap_setuid, cap_setpcap
    case cap_linux_immutable, cap_net_bind_service, cap_net_broadcast, cap_net_admin, cap_net_raw, cap_ipc_lock
    case cap_ipc_owner, cap_sys_module, cap_sys_rawio, cap_sys_chroot, cap_sys_ptrace, cap_sys_pacct, cap_sys_admin
    case cap_sys_boot, cap_sys_nice, cap_sys_resource, cap_sys_time, cap_sys_tty_config, cap_mknod, cap_lease
    case cap_audit_write, cap_audit_control, cap_setfcap, cap_mac_override, cap_mac_admin, cap_syslog, cap_wake_alarm
    case cap_block_suspend, cap_audit_read, cap_perfmon, cap_bpf, cap_checkpoint_restore

    /// By name, in either case, with or without `CAP_`.
    public init?(name: String) {
        let lower = name.lowercased()
        let full = lower.hasPrefix("cap_") ? lower : "cap_" + lower
        guard let found = Self.allCases.first(where: { "\($0)" == full }) else { return nil }
        self = found
    }
}

/// Capabilities as the kernel counts them: a bit for each.
public struct CapabilitySet: Equatable, Sendable, ExpressibleByArrayLiteral {
    public private(set) var bits: UInt64

    public init(arrayLiteral capabilities: Capability...) { self.init(capabilities) }

    public init(_ capability: Capability) { bits = 1 << UInt64(capability.rawValue) }

    public init(_ capabilities: [Capability]) {
        bits = 0
        for capability in capabilities { insert(capability) }
    }

    /// What package managers and services need inside their own namespaces, and nothing that reaches the kernel itself.
    public static let standard: CapabilitySet = [
        .cap_chown, .cap_dac_override, .cap_fowner, .cap_fsetid, .cap_kill, .cap_setgid, .cap_setuid, .cap_setpcap,
        .cap_net_bind_service, .cap_sys_chroot, .cap_setfcap,
    ]

    public var isEmpty: Bool { bits == 0 }

    public mutating func insert(_ capability: Capability) { bits |= 1 << UInt64(capability.rawValue) }
    public mutating func formUnion(_ other: CapabilitySet) { bits |= other.bits }
    public func union(_ other: CapabilitySet) -> CapabilitySet {
        var all = self
        all.formUnion(other)
        return all
    }
    public func subtracting(_ other: CapabilitySet) -> CapabilitySet {
        var rest = self
        rest.subtract(other)
        return rest
    }
    public mutating func subtract(_ other: CapabilitySet) { bits &= ~other.bits }
    public func contains(_ capability: Capability) -> Bool { contains(number: capability.rawValue) }
    public func contains(number: Int) -> Bool { number < 64 && bits >> UInt64(number) & 1 == 1 }

    /// By number.
    public var members: [Capability] { Capability.allCases.filter(contains) }
}
