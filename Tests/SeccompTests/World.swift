// Filters for tests: this project's own, and small ones written in place.

import BPF
import LinuxSystem
import SandboxPolicy
import Seccomp

let allow = FilterAction.allow.rawValue
let refused = FilterAction.errno(1).rawValue
let unknown = FilterAction.errno(38).rawValue
/// EAFNOSUPPORT: how sockets are refused.
let noFamily = FilterAction.errno(97).rawValue

enum Checkout {
    static let top = String(#filePath.dropLast("/Tests/SeccompTests/World.swift".count))
    static let defaultFilter = filter("default")
    static func filter(_ name: String) -> String { top + "/profiles/seccomp/\(name).json" }
}

func target(
    _ capabilities: CapabilitySet = .standard, kernel: KernelVersion = KernelVersion(major: 6, minor: 1),
    emulateRoot: Bool = false, allowed: [String] = []
) -> FilterTarget {
    FilterTarget(capabilities: capabilities, kernel: kernel, emulateRoot: emulateRoot, allowed: allowed)
}

/// The filter that comes with the program.
func defaultProgram(for target: FilterTarget = target()) throws -> FilterProgram {
    try FilterProfile(json: try Files.read(Checkout.defaultFilter)).compiled(for: target)
}

/// One of the filters that come with the program.
func installedProgram(_ name: String, for target: FilterTarget = target()) throws -> FilterProgram {
    try FilterProfile(json: try Files.read(Checkout.filter(name))).compiled(for: target)
}

/// A filter with these entries of `syscalls`, refusing all else with EPERM.
func program(_ rules: String, for target: FilterTarget = target()) throws -> FilterProgram {
    let json = #"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": ["# + rules + "]}"
    return try FilterProfile(json: Array(json.utf8)).compiled(for: target)
}

/// What is wrong with a filter, in words, or nil.
func failure(_ json: String) -> String? {
    do throws(FilterError) {
        _ = try FilterProfile(json: Array(json.utf8)).compiled(for: target())
        return nil
    } catch {
        return error.description
    }
}
