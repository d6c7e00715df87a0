// What a sandbox may do and see: the settings of all levels, merged and read.

/// A setting whose value can't be used. One line of text that names the option, where it was said, and what is wanted.
public struct PolicyError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ setting: Setting, _ why: String) {
        let place = setting.origin == .commandLine ? "" : " (from \(setting.origin.word))"
        description = "--\(setting.option.rawValue) \(quoted(setting.value))\(place): \(why)"
    }

    public init(_ description: String) { self.description = description }
}

/// Where changes to the root file system go.
public enum UpperChoice: Equatable, Sendable {
    /// Memory where its file system keeps what overlayfs needs, else disk; dropped at the end.
    case automatic
    case memory
    case disk
    /// A folder of the user's, which stays.
    case folder(String)
}

/// A file or folder of the host shown inside.
public struct Bind: Equatable, Sendable {
    public var source: String
    public var destination: String
    public var readOnly: Bool

    public init(source: String, destination: String, readOnly: Bool) {
        self.source = source
        self.destination = destination
        self.readOnly = readOnly
    }
}

/// A file system in memory.
public struct MemoryMount: Equatable, Sendable {
    public var destination: String
    /// Bytes, or nil for the kernel's default.
    public var size: Int?
}

/// When an image is asked for at its registry.
public enum PullChoice: String, Equatable, Sendable, CaseIterable { case missing, always, never }

public enum NetworkChoice: String, Equatable, Sendable, CaseIterable {
    case none
    /// Through pasta(1): what this machine reaches, but nothing of what listens on its loopback.
    case user
    case host
}

/// What is said of refusals when the command has ended.
public enum ReportChoice: Equatable, Sendable {
    case none, text
    /// One line, to standard error's place (nil) or added to a file of the host's.
    case json(file: String?)
}

/// Whether a protection must be there, is wanted where the kernel has it, or is left out.
public enum ProtectionChoice: String, Equatable, Sendable, CaseIterable {
    case required
    case whenAvailable = "when-available"
    case off
}

public enum IdentityChoice: String, Equatable, Sendable { case auto, single, range }

public enum FilterChoice: Equatable, Sendable {
    /// One that came with the program: profiles/seccomp/NAME.json.
    case installed(String)
    case none
    case file(String)

    /// Whether a value of `--seccomp` is the path of a file rather than a name, as with profiles.
    public static func isPath(_ word: String) -> Bool { word.contains("/") || word.hasSuffix(".json") }
}

/// Who the command runs as, as written: a name or a number, and perhaps a group.
public struct UserChoice: Equatable, Sendable {
    public var user: String
    public var group: String?

    /// The numeric id, where `user` is a number.
    public var uid: UInt32? { Self.number(user) }
    public var gid: UInt32? { group.flatMap(Self.number) }

    private static func number(_ text: String) -> UInt32? {
        text.utf8.allSatisfy { (48...57).contains($0) } ? UInt32(text) : nil
    }
}

/// A variable of the command's environment; nil hands on the caller's own.
public struct Variable: Equatable, Sendable {
    public var name: String
    public var value: String?

    public init(name: String, value: String?) {
        self.name = name
        self.value = value
    }
}

/// What runs once before the first use of an image with a profile.
public struct SetupChoice: Equatable, Sendable {
    /// Command by distribution (`ID` of os-release(5)).
    public var commands: [(distribution: String, command: String)] = []
    public var unless: String?
    public var network = NetworkChoice.none

    public static func == (a: SetupChoice, b: SetupChoice) -> Bool {
        a.unless == b.unless && a.network == b.network
            && a.commands.elementsEqual(b.commands) { $0.distribution == $1.distribution && $0.command == $1.command }
    }
}

public struct Policy: Equatable, Sendable {
    /// The settings that count, in the order of the option table: for `--explain`.
    public private(set) var settings: [Setting] = []

    public var layers: [String] = []
    public var upper = UpperChoice.automatic
    public var readOnly = false
    public var name: String?
    public var binds: [Bind] = []
    public var memoryMounts: [MemoryMount] = []
    public var masks: [String] = []
    public var here = false
    public var protected = ProtectedPaths()
    public var workdir: String?
    public var environment: [Variable] = []
    public var environmentFiles: [String] = []
    public var user: UserChoice?
    public var hostname = "sandbox"
    public var entrypoint: [String] = []
    public var command: [String] = []
    public var network = NetworkChoice.none
    public var capabilities = CapabilitySet.standard
    public var filter = FilterChoice.installed("default")
    /// Names of groups and of system calls that the filter lets through, in the order given, each once.
    public var allowed: [String] = []
    public var nested = false
    /// Names of the only system calls that are not refused; empty: all that the filter allows.
    public var systemCalls: [String] = []
    public var landlock = ProtectionChoice.whenAvailable
    /// The only TCP ports that may be connected to, and bound; nil where that is not restricted.
    public var tcpConnect: [UInt16]?
    public var tcpBind: [UInt16]?
    public var identity = IdentityChoice.auto
    /// Seconds.
    public var timeout: Int?
    public var setup = SetupChoice()
    public var report = ReportChoice.none
    /// nil: run. Empty or `json`: print instead.
    public var explain: String?
    public var quiet = false
    public var verbose = false

    /// The binds, and that of `--here` below the others, some of which lie in it.
    public func allBinds(from currentFolder: String) -> [Bind] {
        here ? [Bind(source: currentFolder, destination: currentFolder, readOnly: false)] + binds : binds
    }

    /// All that the filter lets through beside its own rules.
    /// - Parameter emulateRoot: changes of identity are answered with success and not made, also for a sandbox inside.
    public func openings(emulateRoot: Bool) -> [String] {
        guard nested else { return allowed }
        return allowed + CallGroup.nested.filter { !allowed.contains($0) && !(emulateRoot && $0 == "identity") }
    }

    /// The lowest level: what holds where nobody says otherwise.
    public static let builtIn = [
        Setting(.hostname, "sandbox", .builtIn), Setting(.network, "none", .builtIn),
        Setting(.seccomp, "default", .builtIn), Setting(.landlock, "when-available", .builtIn),
        Setting(.idMap, "auto", .builtIn),
    ]

    /// Merges `settings`, given in the order of their levels, lowest first.
    public init(_ given: [Setting]) throws(PolicyError) {
        for option in Option.allCases {
            let all = given.filter { $0.option == option }
            guard let last = all.last else { continue }
            let counting: [Setting]
            switch option.described.combining {
            case .last: counting = [last]
            case .append: counting = all
            case .replace: counting = all.filter { $0.origin == last.origin }
            }
            settings += counting
            for setting in counting { try apply(setting) }
        }
        if name != nil, upper != .automatic {
            throw PolicyError("--name keeps changes in the store and --upper elsewhere: give one of the two")
        }
        if landlock == .off, tcpConnect != nil || tcpBind != nil {
            throw PolicyError(
                "--landlock off leaves out what holds --tcp-connect and --tcp-bind: give one or the other")
        }
        dropForeignCommand()
        try checkSystemCalls()
        if filter == .none, !systemCalls.isEmpty {
            throw PolicyError(
                "seccomp none has no filter, and syscalls limits what a filter allows: leave one of the two out")
        }
        if readOnly, case .folder = upper {
            throw PolicyError("--read-only refuses changes and --upper keeps them: give one of the two")
        }
    }

    /// An entrypoint takes away the command of what lies below it, which was meant for another program.
    private mutating func dropForeignCommand() {
        guard let entrypoint = settings.last(where: { $0.option == .entrypoint }),
            let command = settings.last(where: { $0.option == .command }),
            command.origin.level < entrypoint.origin.level
        else { return }
        settings.removeAll { $0.option == .command }
        self.command = []
    }

    private func checkSystemCalls() throws(PolicyError) {
        if systemCalls.isEmpty { return }
        for setting in settings where setting.option == .syscalls && !SystemCallNames.contains(setting.value) {
            throw PolicyError(
                setting, "no such system call" + Nearest.suggestion(setting.value, among: SystemCallNames.all))
        }
    }

    private mutating func apply(_ setting: Setting) throws(PolicyError) {
        let value = setting.value
        switch setting.option {
        case .profile: break
        case .pull: _ = try Self.pullChoice([setting])
        case .platform: break
        case .maxImageSize: _ = try Self.imageLimit([setting])
        case .layer:
            _ = try Self.path(setting)
            // overlayfs takes a folder once; given again, by a profile and on the command line, it is on top.
            layers.removeAll { $0 == value }
            layers.append(value)
        case .upper: upper = value == "memory" ? .memory : value == "disk" ? .disk : .folder(try Self.path(setting))
        case .readOnly: readOnly = value == "true"
        case .name: name = try Self.sandboxName(setting)
        case .bind: binds.append(try Self.bind(setting))
        case .tmpfs: memoryMounts.append(try Self.memoryMount(setting))
        case .mask: masks.append(try Self.insidePath(setting, value))
        case .here: here = value == "true"
        case .protect:
            guard protected.add(value) else {
                throw PolicyError(setting, "must be PATH, !PATH or none, the path beneath the project and without ..")
            }
        case .with: break  // Binds and variables stand beside it.
        case .workdir: workdir = try Self.insidePath(setting, value)
        case .env: try set(setting)
        case .envFile: environmentFiles.append(try Self.path(setting))
        case .user: user = try Self.user(setting)
        case .hostname: hostname = try Self.hostName(setting)
        case .entrypoint: if !value.isEmpty { entrypoint.append(value) }
        case .command: command.append(value)
        case .network: network = try Self.choice(setting)
        case .capAdd: capabilities.formUnion(try Self.capabilities(setting))
        case .capDrop: capabilities.subtract(try Self.capabilities(setting))
        case .seccomp: filter = try Self.filter(setting)
        case .allow: if !allowed.contains(value) { allowed.append(try Self.allowed(setting)) }
        case .nested: nested = value == "true"
        case .landlock: landlock = try Self.choice(setting)
        case .tcpConnect: try Self.add(setting, to: &tcpConnect)
        case .tcpBind: try Self.add(setting, to: &tcpBind)
        case .idMap: identity = try Self.choice(setting)
        case .timeout: timeout = try Self.seconds(setting)
        case .setup:
            let command = try Self.setupCommand(setting)
            setup.commands.removeAll { $0.distribution == command.distribution }
            setup.commands.append(command)
        case .setupUnless: setup.unless = value
        case .setupNetwork: setup.network = try Self.choice(setting)
        case .syscalls: systemCalls.append(value)
        case .reportDenied: report = try Self.reportChoice(setting)
        case .explain: explain = try Self.explainFormat(setting)
        case .quiet: quiet = value == "true"
        case .verbose: verbose = value == "true"
        }
    }

    /// Somebody asked for Landlock by name: where it can't be had as asked, they are told.
    public var landlockWasAskedFor: Bool {
        settings.contains { $0.option == .landlock && $0.origin != .builtIn }
    }

    /// A variable given again takes the place of the first.
    private mutating func set(_ setting: Setting) throws(PolicyError) {
        let parts = setting.value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.first, !name.isEmpty else { throw PolicyError(setting, "a variable needs a name") }
        set(Variable(name: String(name), value: parts.count == 2 ? String(parts[1]) : nil))
    }

    public mutating func set(_ variable: Variable) {
        if let index = environment.firstIndex(where: { $0.name == variable.name }) {
            environment[index] = variable
        } else {
            environment.append(variable)
        }
    }
}

// How each value is read.
extension Policy {
    private static func choice<Choice: RawRepresentable<String>>(_ setting: Setting) throws(PolicyError) -> Choice {
        if let choice = Choice(rawValue: setting.value) { return choice }
        let choices = setting.option.described.choices
        throw PolicyError(
            setting, "must be \(choices.joined(separator: " or "))" + Nearest.suggestion(setting.value, among: choices))
    }

    private static func insidePath(_ setting: Setting, _ path: String) throws(PolicyError) -> String {
        guard path.hasPrefix("/") else { throw PolicyError(setting, "a path inside must begin with /") }
        return path
    }

    /// Whether a path is only another way to write `/`.
    private static func isRoot(_ path: String) -> Bool {
        path.hasPrefix("/") && path.split(separator: "/").allSatisfy { $0 == "." || $0 == ".." }
    }

    private static func sandboxName(_ setting: Setting) throws(PolicyError) -> String {
        guard isSandboxName(setting.value) else {
            throw PolicyError(
                setting, "a name is 1 to 64 letters, digits, `.`, `_` or `-`, and begins with a letter or digit")
        }
        return setting.value
    }

    /// Whether `text` can name a kept sandbox; such a name is also a file name.
    public static func isSandboxName(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 64 else { return false }
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        }
        return isAlphanumeric(first)
            && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2e || $0 == 0x5f || $0 == 0x2d }
    }

    private static func bind(_ setting: Setting) throws(PolicyError) -> Bind {
        let bind: Bind
        do throws(BindError) { bind = try Bind(setting.value) } catch { throw PolicyError(setting, error.why) }
        if isRoot(bind.destination) { throw PolicyError(setting, "nothing can stand in place of /; name it as ROOTFS") }
        return bind
    }

    /// A path of the host's.
    private static func path(_ setting: Setting) throws(PolicyError) -> String {
        guard !setting.value.isEmpty else { throw PolicyError(setting, "an empty word is no path") }
        return setting.value
    }

    private static func memoryMount(_ setting: Setting) throws(PolicyError) -> MemoryMount {
        let rest = Bind.rest(setting.value).dropFirst()
        var mount = MemoryMount(destination: try insidePath(setting, Bind.source(of: setting.value)), size: nil)
        if isRoot(mount.destination) {
            throw PolicyError(setting, "/ is the root file system; --upper memory is for that")
        }
        if !rest.isEmpty {
            guard rest.hasPrefix("size="), let size = bytes(rest.dropFirst(5)) else {
                throw PolicyError(setting, "must be DST[:size=BYTES], with k, m or g after the number if wanted")
            }
            mount.size = size
        }
        return mount
    }

    /// A number of bytes, perhaps with k, m or g (powers of 1024).
    static func bytes(_ text: Substring) -> Int? {
        var digits = text
        var unit = 1
        switch text.last {
        case "k", "K": unit = 1 << 10
        case "m", "M": unit = 1 << 20
        case "g", "G": unit = 1 << 30
        default: break
        }
        if unit > 1 { digits = digits.dropLast() }
        guard let number = Int(digits), number > 0 else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? nil : product
    }

    private static func seconds(_ setting: Setting) throws(PolicyError) -> Int {
        var digits = Substring(setting.value)
        var unit = 1
        switch digits.last {
        case "s": digits = digits.dropLast()
        case "m": (digits, unit) = (digits.dropLast(), 60)
        case "h": (digits, unit) = (digits.dropLast(), 3600)
        case "d": (digits, unit) = (digits.dropLast(), 86400)
        default: break
        }
        guard let number = Int(digits), number > 0, number < 1 << 31 else {
            throw PolicyError(setting, "must be a whole number of seconds above 0, or one with s, m, h or d: 90s, 5m")
        }
        return number * unit
    }

    private static func user(_ setting: Setting) throws(PolicyError) -> UserChoice {
        var parts = setting.value.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        // As container engines have it: nothing before the colon is id 0, nothing behind it is no group.
        if parts.count == 2, parts[1].isEmpty {
            parts.removeLast()
        } else if parts.count == 2, parts[0].isEmpty {
            parts[0] = "0"
        }
        for part in parts {
            guard let first = part.first else { throw PolicyError(setting, "must be NAME|UID[:GROUP|GID]") }
            // 2^32 - 1 means "no change" to the kernel (setresuid(2)).
            let isNumber = first.isNumber || first == "-"
            if isNumber, UInt32(part).map({ $0 == .max }) ?? true {
                throw PolicyError(setting, "an id is a number from 0 to 4294967294")
            }
        }
        return UserChoice(user: parts[0], group: parts.count == 2 ? parts[1] : nil)
    }

    private static func hostName(_ setting: Setting) throws(PolicyError) -> String {
        let allowed = setting.value.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 0x2d || $0 == 0x2e
        }
        guard allowed, !setting.value.isEmpty, setting.value.utf8.count <= 64 else {
            throw PolicyError(setting, "a host name is 1 to 64 letters, digits, `-` and `.`")
        }
        return setting.value
    }

    /// What the last of `settings` that speaks of it says: needed to find the image, before there is a policy.
    public static func pullChoice(_ settings: [Setting]) throws(PolicyError) -> PullChoice {
        guard let setting = settings.last(where: { $0.option == .pull }) else { return .missing }
        guard let choice = PullChoice(rawValue: setting.value) else {
            throw PolicyError(setting, "must be missing, always or never")
        }
        return choice
    }

    /// Bytes, or nil where nobody says.
    public static func imageLimit(_ settings: [Setting]) throws(PolicyError) -> Int64? {
        guard let setting = settings.last(where: { $0.option == .maxImageSize }) else { return nil }
        guard let size = bytes(setting.value[...]), size > 0, let limit = Int64(exactly: size) else {
            throw PolicyError(setting, "must be a number of bytes above 0, with k, m or g behind it if wanted")
        }
        return limit
    }

    /// Seconds, as the last of `settings` that speaks of it says: what comes before there is a policy takes time, too.
    public static func timeLimit(_ settings: [Setting]) throws(PolicyError) -> Int? {
        guard let setting = settings.last(where: { $0.option == .timeout }) else { return nil }
        return try seconds(setting)
    }

    private static func add(_ setting: Setting, to ports: inout [UInt16]?) throws(PolicyError) {
        if setting.value == "none" {
            ports = []
            return
        }
        guard setting.value.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(setting.value), port > 0
        else { throw PolicyError(setting, "must be a port from 1 to 65535, or none") }
        ports = (ports ?? []) + (ports?.contains(port) == true ? [] : [port])
    }

    private static func capabilities(_ setting: Setting) throws(PolicyError) -> CapabilitySet {
        if setting.value.uppercased() == "ALL" { return CapabilitySet(Capability.allCases) }
        if let capability = Capability(name: setting.value) { return [capability] }
        throw PolicyError(
            setting,
            "no such capability"
                + Nearest.suggestion(setting.value.lowercased(), among: Capability.allCases.map { "\($0)" })
                + " (capabilities(7) lists them)")
    }

    private static func filter(_ setting: Setting) throws(PolicyError) -> FilterChoice {
        if FilterChoice.isPath(setting.value) { return .file(setting.value) }
        let choices = setting.option.described.choices
        guard choices.contains(setting.value) else {
            throw PolicyError(
                setting,
                "no filter of that name" + Nearest.suggestion(setting.value, among: choices)
                    + "; it is one of \(choices.joined(separator: ", ")), or a file, written with a slash")
        }
        return setting.value == "none" ? .none : .installed(setting.value)
    }

    private static func allowed(_ setting: Setting) throws(PolicyError) -> String {
        if CallGroup.calls(of: setting.value) != nil { return setting.value }
        let groups = setting.option.described.choices
        let near = Nearest.suggestion(setting.value, among: groups + SystemCallNames.all)
        throw PolicyError(
            setting,
            "no such group or system call"
                + (near.isEmpty ? "; the groups are \(groups.joined(separator: ", "))" : near))
    }

    private static func setupCommand(_ setting: Setting) throws(PolicyError) -> (
        distribution: String, command: String
    ) {
        let parts = setting.value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw PolicyError(setting, "must be DISTRIBUTION=COMMAND, as alpine='apk add gcc'")
        }
        return (parts[0], parts[1])
    }

    private static func reportChoice(_ setting: Setting) throws(PolicyError) -> ReportChoice {
        switch setting.value {
        case "", "true": return .text
        case "false": return .none
        case "json": return .json(file: nil)
        case let value where value.hasPrefix("json:") && value.utf8.count > 5:
            guard setting.origin == .commandLine else {
                throw PolicyError(setting, "a file for it is named on the command line only")
            }
            return .json(file: String(value.dropFirst(5)))
        default:
            throw PolicyError(
                setting,
                "must be --report-denied, --report-denied=json, --report-denied=json:FILE or --report-denied=false")
        }
    }

    private static func explainFormat(_ setting: Setting) throws(PolicyError) -> String {
        guard setting.value.isEmpty || setting.value == "json" else {
            throw PolicyError(setting, "must be --explain or --explain=json")
        }
        return setting.value
    }
}
