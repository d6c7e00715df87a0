// The five capability sets of a process, by libcap (capabilities(7), cap_set_proc(3), cap_drop_bound(3)).

import CCap
import LinuxSystem
import SandboxPolicy

enum Capabilities {
    /// The last number that the running kernel knows.
    private static var last: Int32 { Int32(cap_max_bits()) - 1 }

    /// Takes everything but `kept` out of the bounding set and out of what may be raised on execve(2).
    static func limitBounding(to kept: CapabilitySet) throws(Errno) {
        for number in 0...last where !kept.contains(number: Int(number)) {
            if cap_drop_bound(cap_value_t(number)) != 0 { throw Errno.current }
        }
        // One call: cap_reset_ambient(3) asks for each capability.
        try Namespacing.clearAmbientCapabilities()
    }

    /// Takes these out of the bounding set.
    static func dropBounding(_ dropped: CapabilitySet) throws(Errno) {
        for number in 0...last where dropped.contains(number: Int(number)) {
            if cap_drop_bound(cap_value_t(number)) != 0 { throw Errno.current }
        }
    }

    /// Whether this process has all of these in its effective set.
    static func areHeld(_ wanted: [Capability]) -> Bool {
        guard let state = cap_get_proc() else { return false }
        defer { cap_free(UnsafeMutableRawPointer(state)) }
        return wanted.allSatisfy {
            var value = CAP_CLEAR
            return cap_get_flag(state, cap_value_t($0.rawValue), CAP_EFFECTIVE, &value) == 0 && value == CAP_SET
        }
    }

    /// Permitted and effective become `kept`, inheritable and ambient empty.
    static func drop(keeping kept: CapabilitySet) throws(Errno) {
        guard let state = cap_init() else { throw Errno.current }
        defer { cap_free(UnsafeMutableRawPointer(state)) }
        for number in 0...last where kept.contains(number: Int(number)) {
            var value = cap_value_t(number)
            guard cap_set_flag(state, CAP_PERMITTED, 1, &value, CAP_SET) == 0,
                cap_set_flag(state, CAP_EFFECTIVE, 1, &value, CAP_SET) == 0
            else { throw Errno.current }
        }
        // What is not permitted leaves the ambient set by itself.
        if cap_set_proc(state) != 0 { throw Errno.current }
    }
}
