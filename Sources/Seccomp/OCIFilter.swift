// A system call filter as the OCI runtime specification writes it (config-linux.md, "Seccomp"), and as Docker extends it
// with conditions on capabilities, architectures and kernels.

import Foundation

struct OCIFilter: Decodable {
    var defaultAction: String
    var defaultErrnoRet: UInt32?
    var architectures: [String]?
    var syscalls: [Rule]?

    struct Rule: Decodable {
        var names: [String]?
        /// The older form of `names`.
        var name: String?
        var action: String
        var errnoRet: UInt32?
        var args: [Comparison]?
        var includes: Condition?
        var excludes: Condition?

        var calls: [String] { names ?? name.map { [$0] } ?? [] }
    }

    struct Comparison: Decodable {
        var index: UInt32
        var value: UInt64
        var valueTwo: UInt64?
        var op: String
    }

    struct Condition: Decodable {
        var caps: [String]?
        var arches: [String]?
        var minKernel: String?
    }
}

extension OCIFilter.Rule {
    /// Whether the rule counts for these capabilities, this architecture and this kernel.
    func applies(capabilities: Set<String>, architecture: String, kernel: (major: Int, minor: Int)) -> Bool {
        func names(_ list: [String]?) -> Set<String> { Set((list ?? []).map { $0.lowercased() }) }
        if let includes {
            if !names(includes.caps).isSubset(of: capabilities) { return false }
            if let arches = includes.arches, !arches.isEmpty, !arches.contains(architecture) { return false }
            if let minimum = includes.minKernel {
                let numbers = minimum.split(separator: ".").compactMap { Int($0) }
                if let major = numbers.first, kernel < (major, numbers.count > 1 ? numbers[1] : 0) { return false }
            }
        }
        if let excludes {
            if let caps = excludes.caps, !caps.isEmpty, !names(caps).isDisjoint(with: capabilities) { return false }
            if let arches = excludes.arches, arches.contains(architecture) { return false }
        }
        return true
    }
}
