// One refusal: what, by which rule, and what would allow it.

import BPF
public import Observations
public import SandboxPolicy
import Seccomp

/// What would allow what was refused.
public struct Remedy: Equatable, Sendable {
    /// Options to give; none where nothing helps.
    public var settings: [(option: Option, value: String)]
    /// What else there is to know.
    public var note: String?

    public static func == (a: Self, b: Self) -> Bool { a.text == b.text }

    /// As one would type it.
    public var commandLine: String {
        settings.map { option, value in
            option.described.argument == .flag && value == "true"
                ? "--\(option.rawValue)"
                : "--\(option.rawValue)\(option.described.argument == .flag ? "=" : " ")\(shellWord(value))"
        }.joined(separator: " ")
    }

    /// As a profile would say it, a line each.
    public var profileLines: [String] { settings.map { Setting($0.option, $0.value, .commandLine).profileText } }

    public var text: String {
        var parts: [String] = []
        if !settings.isEmpty {
            parts.append("to allow it: \(commandLine) (in a profile: \(profileLines.joined(separator: ", ")))")
        }
        if let note { parts.append(note) }
        return parts.joined(separator: "; ")
    }
}

/// The rule that refused: an option, what it was set to and where, and which part of that.
public struct DenialRule: Equatable, Sendable {
    public var option: Option
    public var value: String
    public var origin: Origin
    /// The part of a filter: a group of calls, or a rule's own comment.
    public var part: String?

    public var text: String {
        "\(option.rawValue) = \(quoted(value)) (\(origin.word))" + (part.map { ", \($0)" } ?? "")
    }
}

public struct Denial: Equatable, Sendable {
    public var kind: Observation.Kind
    /// The call's name, and the call as strace(1) would write it.
    public var call: String
    public var words: String
    public var count: Int
    public var rule: DenialRule
    public var remedy: Remedy

    /// One line.
    public var text: String {
        let times = count == 1 ? "once" : "\(count) times"
        return "refused \(words), \(times), by \(rule.text)" + (remedy.text.isEmpty ? "" : "; \(remedy.text)")
    }
}

extension Denial {
    /// nil where nothing was refused: what is seen while learning only.
    init?(_ observation: Observation, count: Int, _ record: ObservationRecord, _ filter: FilterProfile?) {
        kind = observation.kind
        call = SystemCallName.of(observation.number, architecture: observation.architecture)
        words = CallWords.words(observation)
        self.count = count
        switch observation.kind {
        case .used, .override: return nil
        case .refused:
            (rule, remedy) = Self.filterRule(call, observation, record, filter)
        case .connection:
            rule = Self.rule(.network, "none", record)
            remedy = Remedy(settings: [(.network, "host")])
        case .unanswered:
            rule = Self.rule(.network, "none", record)
            remedy = Remedy(settings: [(.network, "host")], note: "which has this machine's own loopback")
        case .ownership:
            rule = Self.rule(.idMap, "single", record)
            rule.part = "whose ids do not own this file of the machine's"
            remedy = Remedy(settings: [], note: Self.ownPlaces)
        case .change:
            (rule, remedy) = Self.changeRule(observation.texts.last ?? "", record)
        }
    }

    /// The setting of `option` that counts.
    private static func rule(_ option: Option, _ value: String, _ record: ObservationRecord) -> DenialRule {
        let setting = record.settings.last { $0.option == option }
        return DenialRule(option: option, value: setting?.value ?? value, origin: setting?.origin ?? .builtIn)
    }

    /// What to do instead of changing the machine's own files.
    private static let ownPlaces =
        "use an image, where all files are the sandbox's own, or a folder of yours (as make's DESTDIR, pip's --user)"

    private static func changeRule(_ path: String, _ record: ObservationRecord) -> (DenialRule, Remedy) {
        func isBelow(_ folder: String) -> Bool { path == folder || path.hasPrefix(folder == "/" ? "/" : folder + "/") }
        if let mask = record.settings.last(where: { $0.option == .mask && isBelow($0.value) }) {
            return (
                DenialRule(option: .mask, value: mask.value, origin: mask.origin),
                Remedy(settings: [], note: "to allow it, leave that mask out")
            )
        }
        if let (rule, released) = protection(path, record) {
            return (
                rule,
                Remedy(
                    settings: [(.protect, "!" + released)],
                    note: "programs outside may run what is there"
                        + (released == ".git/config" ? "; for your name and address, --with git" : ""))
            )
        }
        for setting in record.settings.reversed() where setting.option == .bind {
            guard var bind = Bind.read(setting.value), bind.readOnly, isBelow(bind.destination) else { continue }
            bind.readOnly = false
            return (
                DenialRule(option: .bind, value: setting.value, origin: setting.origin),
                Remedy(settings: [(.bind, bind.text)], note: "in place of the one with :ro")
            )
        }
        let own = ["/proc", "/sys", "/dev"].contains(where: isBelow)
        let rule = Self.rule(.readOnly, own ? "always" : "true", record)
        if own { return (rule, Remedy(settings: [], note: "the kernel's own files are always read-only inside")) }
        return (rule, Remedy(settings: [(.readOnly, "false")], note: "or --tmpfs with a folder that begins empty"))
    }
}

// What is protected.
extension Denial {
    private static func protection(_ path: String, _ record: ObservationRecord) -> (DenialRule, String)? {
        var paths = ProtectedPaths()
        for setting in record.settings where setting.option == .protect { _ = paths.add(setting.value) }
        // Shown with what the protections put into the project, unless that is taken back.
        if path.hasSuffix("/info/exclude"), let setting = record.settings.last(where: { $0.option == .protect }) {
            return (DenialRule(option: .protect, value: setting.value, origin: setting.origin), ".git/info/exclude")
        }
        if let covering = paths.covering(path) {
            guard let setting = record.settings.last(where: { $0.option == .protect && $0.value.hasSuffix(covering) })
            else { return nil }
            return (DenialRule(option: .protect, value: setting.value, origin: setting.origin), covering)
        }
        guard let released = ofGit(path, paths, record),
            let setting = record.settings.first(where: { $0.option == .protect && $0.value.hasPrefix(".git/") })
        else { return nil }
        return (DenialRule(option: .protect, value: setting.value, origin: setting.origin), released)
    }

    /// With what is git's goes what its settings, work trees and submodules lead to, which only the launcher knew: in a
    /// folder that is shown writable, nothing else refuses a change.
    private static func ofGit(_ path: String, _ paths: ProtectedPaths, _ record: ObservationRecord) -> String? {
        let names = path.split(separator: "/").map(String.init)
        guard !paths.ofGit.isEmpty, let folder = writable(path, record) else { return nil }
        let rest = names.dropFirst(folder.split(separator: "/").count)
        if let top = rest.first, ["HEAD", "commondir", "objects", "refs"].contains(top) { return top }
        return ".git"
    }

    /// The folder of the host that shows `path`, if that is not read-only.
    private static func writable(_ path: String, _ record: ObservationRecord) -> String? {
        func isBelow(_ folder: String) -> Bool { path == folder || path.hasPrefix(folder == "/" ? "/" : folder + "/") }
        for setting in record.settings.reversed() where setting.option == .bind {
            guard let bind = Bind.read(setting.value), isBelow(bind.destination) else { continue }
            return bind.readOnly ? nil : bind.destination
        }
        let isHere = record.settings.last { $0.option == .here }?.value == "true"
        if isHere, isBelow(record.folder) { return record.folder }
        // The common folder of a linked work tree.
        return isHere && path.split(separator: "/").contains(".git") ? path : nil
    }
}

// What the filter refused.
extension Denial {
    private static func filterRule(
        _ call: String, _ observation: Observation, _ record: ObservationRecord, _ filter: FilterProfile?
    ) -> (DenialRule, Remedy) {
        var rule = Self.rule(.seccomp, "default", record)
        let isX32 = observation.number & 0x4000_0000 != 0
        guard observation.architecture == SystemCall.nativeArchitecture, !isX32 else {
            rule.part = "which refuses other architectures' interfaces as a whole"
            let isI386 = SystemCallTable.of(architecture: observation.architecture) == nil ? false : !isX32
            return (
                rule,
                isI386
                    ? Self.secondInterface(call, record)
                    : Remedy(settings: [], note: "use programs built for this machine's own architecture")
            )
        }
        let listed = record.settings.filter { $0.option == .syscalls }
        if let last = listed.last, !listed.contains(where: { $0.value == call }) {
            return (
                DenialRule(option: .syscalls, value: "\(listed.count) calls", origin: last.origin),
                Remedy(settings: [], note: "to allow it, add \(tomlString(call)) to syscalls there")
            )
        }
        let group = CallGroup.all.first { group in
            group.calls.contains { allowed in
                allowed.name == call
                    && allowed.argument.map { argument in
                        observation.argument.map { UInt32(truncatingIfNeeded: $0) == argument.value } ?? false
                    } ?? true
            }
        }
        if let group {
            rule.part = "group \(group.name)"
        } else if let comment = filter?.comment(refusing: call) {
            rule.part = "rule \(quoted(comment))"
        }
        return (rule, remedy(call, observation, group))
    }

    /// What opens the interface for programs of 32 bits, or what they lack there.
    private static func secondInterface(_ call: String, _ record: ObservationRecord) -> Remedy {
        guard record.settings.contains(where: { $0.option == .allow && $0.value == "i386" }) else {
            return Remedy(settings: [(.allow, "i386")], note: "which opens the interface for programs of 32 bits")
        }
        if call == "socketcall" { return Remedy(settings: [(.allow, "sockets")], note: "sockets of all families") }
        return Remedy(settings: [], note: "a program of this machine's own architecture may be allowed more")
    }

    private static func remedy(_ call: String, _ observation: Observation, _ group: CallGroup?) -> Remedy {
        if call == "mount", observation.texts.count == 3, observation.texts[1] == "tmpfs", observation.texts[2] != "/" {
            return Remedy(
                settings: [(.tmpfs, observation.texts[2])], note: "or --nested, and mount in a user namespace")
        }
        // AF_PACKET
        if call == "socket", observation.argument.map({ UInt32(truncatingIfNeeded: $0) }) == 17 {
            return Remedy(
                settings: [(.capAdd, "cap_net_raw")], note: "which opens raw sockets on the network that is shown")
        }
        guard let group else { return Remedy(settings: [(.allow, call)]) }
        switch group.name {
        case "namespaces": return Remedy(settings: [(.nested, "true")])
        case "mount":
            return Remedy(
                settings: [(.nested, "true")],
                note: "and then in a user namespace of its own, as `unshare -Urm` makes one")
        case "hostname": return Remedy(settings: [], note: "--hostname NAME sets it from outside")
        case _ where group.isForRoot:
            return Remedy(settings: [], note: "the kernel refuses it to all but the machine's root anyway")
        default: break
        }
        return Remedy(settings: [(.allow, group.name)], note: "which opens \(group.meaning)")
    }
}
