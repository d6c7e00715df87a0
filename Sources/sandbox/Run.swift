// From a command line to a launch. Each line of `run` is one stage; read it first.

import LaunchPlan
import Launcher
import LinuxSystem
import SandboxPolicy

/// What the launcher does itself.
enum Verb: String {
    case run, start, shell
    /// For `sandbox profile learn`, which is told what was seen by descriptor 3.
    case learn = "__learn"
}

struct Run {
    let verb: Verb
    let manage: Manage
    let paths: HostPaths
    /// `Clock.milliseconds` when this program was started, as near as it can tell.
    let begun = Clock.milliseconds
    var line: CommandWords
    /// The words of the process's own command line from which the command is executed byte for byte; nil where the
    /// command comes from elsewhere.
    var tail: Int?
    /// The command line's words of the command.
    var given: [String]
    /// The words that describe this run for `sandbox start`: those before the command.
    var recorded: [String]
    /// For `start`: the name of the sandbox that goes on.
    private(set) var kept: String?
    /// For `start`: where the profile's name was written, where that is not the current folder.
    private var profileFolder: String?
    /// For `start`: no other profile than it was made with.
    private var keepsProfile = true

    init(_ verb: Verb, _ line: CommandWords, offset: Int, _ manage: Manage) throws {
        self.verb = verb
        self.manage = manage
        paths = HostPaths(manage.places)
        self.line = line
        let words = Array(Process.arguments.dropFirst(offset))
        var line = line
        if verb == .shell {
            // A shell is on this machine: its first word is the command's.
            line.commandStart = line.subjectStart
            line.subject = nil
            self.line = line
        }
        tail = line.commandStart.map { $0 + offset }
        given = line.commandStart.map { Array(words[$0...]) } ?? []
        recorded = line.commandStart.map { Array(words[..<$0]) } ?? words
        if verb == .start { try restore() }
    }

    func run() throws -> Int32 {
        if let number = StandardDescriptors.folder {
            throw RunError(
                "descriptor \(number) is a folder of the host, which would lead out of the sandbox; redirect it to a file"
            )
        }
        try startLimit(line.settings)
        let profile = try profileSettings()
        try startLimit(profile + line.settings)
        let root =
            try kept.map { try Root.kept($0, subject, manage, paths) }
            ?? Root.find(subject, profile + line.settings, manage, paths)
        var policy = try policy(profile, root)
        let protecting = try Protecting(&policy, paths, manage.places)
        var facts = Facts.gather(for: policy, host: root.kind == .host ? manage.places.all : nil)
        facts.protections = protecting.protections
        facts.substitutions = protecting.substitutions
        let identity = try IdentityMap(policy.identity, facts)
        let command = try commandWords(policy, root)
        let store = Store(manage)
        let lease = Lease(manage.places)
        let source = try store.unpacked(root, identity.mode, lease, line.settings)
        var layers = try store.setupLayer(
            policy, source, identity.mode, lease, given: subject, kept: keepsProfile ? kept : nil)
        layers += try store.layers(policy.layers, identity.mode, lease, line.settings)
        if source == .host { facts.readLayers(layers) }
        let upper = try Upper.prepare(
            policy, facts, MadeOver(root, identity.mode), lowers: layers + source.folders, manage, paths, verb)
        let plan = try LaunchPlan(
            LaunchRequest(
                policy: policy, facts: facts, root: source, layers: layers, upper: upper.folders, identity: identity,
                command: command, found: paths.found))
        if let format = policy.explain {
            upper.discard(manage)
            Message.print(Explanation(plan, policy, facts).text(json: format == "json"))
            return 0
        }
        let filter = Enclosure(plan, handsFilesIn: facts.handsFileIn).around(
            try store.filter(policy, identity, paths.trustedTexts))
        try upper.record(plan, root, words: recorded, command: command)
        try paths.remember()
        if !policy.quiet { for omission in plan.omissions { Message.say(omission) } }
        if policy.verbose { sayPlan(plan) }
        defer { upper.discard(manage) }
        let guardian = try protecting.guardian(isQuiet: policy.quiet)
        defer { guardian?.end() }
        let observing = try Observing(
            verb, policy, filter, foreign: root.kind == .host ? identity.uids : nil, manage)
        TimeLimit.stop()
        if TimeLimit.hasPassed { throw RunError.said }
        let launch = Launch(
            plan, filter: filter, observer: observing?.observer, words: literal(command),
            tail: literalTail, timeout: policy.timeout, begun: begun,
            isKept: upper.folders != nil, guardian: guardian,
            say: { if !policy.quiet { Message.sayUnlessItWaits($0.text) } })
        let status: Int32
        do throws(LaunchFailure) {
            status = try withExtendedLifetime(lease) { () throws(LaunchFailure) in try launch.run() }
        } catch {
            let limits = HostLimits.gather(for: plan, launcher: manage.installation.launcher)
            Message.error(error.diagnosis(plan, limits, reason: Errno(error.errno).description).line)
            upper.forget(manage)
            return error.exitStatus
        }
        // Without its record, what was learned is nothing.
        if let observing, !observing.tell([try subject] + command), verb == .learn { return 125 }
        return status
    }

    /// From here on what waits throws when the time is over. Counted from the start of this program.
    private func startLimit(_ settings: [Setting]) throws {
        guard let seconds = try Policy.timeLimit(settings) else { return }
        try TimeLimit.start(milliseconds: begun + seconds * 1000 - Clock.milliseconds)
    }

    /// What says that the limit has passed before the command ran.
    static func timedOut(_ settings: [Setting]) -> Int32 {
        let isQuiet = settings.contains { $0.option == .quiet && $0.value == "true" }
        if !isQuiet { Message.say("the time limit passed before the command ran") }
        return 124
    }

    /// ROOTFS, or its default where the verb has one.
    private var subject: String {
        get throws {
            if let subject = line.subject { return subject }
            if verb == .shell { return "host" }
            throw UsageError(
                "say what to run on: sandbox run [OPTIONS] ROOTFS [COMMAND…], where ROOTFS is host, a folder, or an image"
            )
        }
    }

    private func profileSettings() throws -> [Setting] {
        let name = line.settings.last { $0.option == .profile }?.value ?? (verb == .shell ? "shell" : "default")
        // What a name means depends on the folder.
        let here = try profileFolder.map { _ in try Process.currentFolder() }
        if let profileFolder { try changeFolder(profileFolder) }
        defer { if let here { do { try changeFolder(here) } catch {} } }
        try paths.resolveProfile(name)
        let cache = ProfileCache(manage)
        var file = try cache.settings(of: name)
        if try !paths.hold(file.trusted) {
            // Whoever reads the profile again says what has changed, or finds it good.
            file = try cache.settings(of: name, again: true)
            guard try paths.hold(file.trusted) else {
                throw RunError("what the profile \(quoted(name)) names changes while it is looked at; try again")
            }
        }
        return file.settings
    }

    private func policy(_ profile: [Setting], _ root: Root) throws -> Policy {
        var settings =
            try Policy.builtIn + root.settings + (profile + line.settings).map { try $0.withHostPathsAbsolute() }
        settings = try Comforts.replaced(settings)
        var policy = try Policy(settings)
        if !policy.environmentFiles.isEmpty {
            // What such a file may say depends on where the sandbox can write.
            try paths.showBinds(of: policy)
            var all: [Setting] = []
            for setting in settings {
                if setting.option == .envFile { all += try EnvironmentFile.settings(setting, paths) }
                all.append(setting)
            }
            policy = try Policy(all)
        }
        try paths.settle(&policy, root, manage.installation)
        return policy
    }

    /// The words to run: entrypoint and command as container engines combine them.
    private func commandWords(_ policy: Policy, _ root: Root) throws -> [String] {
        let words = given.isEmpty ? policy.command : given
        if !(policy.entrypoint + words).isEmpty { return policy.entrypoint + words }
        if verb == .shell { return [ownShell] }
        if verb == .start || policy.explain != nil { return ["/bin/sh"] }
        throw UsageError(
            "\(quoted(try subject)) names no command of its own: give one, as sandbox run … \(try subject) sh")
    }

    /// The caller's own shell, which `host` has as well.
    private var ownShell: String {
        guard let shell = Process.environment("SHELL"), shell.hasPrefix("/"), Files.isAccessible(shell, 1) else {
            return "/bin/sh"
        }
        return shell
    }

    /// Words that do not come from this process's own command line.
    private func literal(_ command: [String]) -> [String] {
        literalTail == nil ? command : Array(command.dropLast(given.count))
    }

    private var literalTail: Int? { given.isEmpty ? nil : tail }

    private func sayPlan(_ plan: LaunchPlan) {
        Message.say("namespaces: " + plan.namespaces.names.joined(separator: " "))
        for step in plan.steps { Message.say(escaped(step.description)) }
        Message.say("run " + plan.execution.command.map(quoted).joined(separator: " "))
    }

    /// For `start`: the words that the kept sandbox was made with stand below those given now. Each kind is relative to
    /// the folder in which it was written, and `--here` to the one of the last that says it.
    private mutating func restore() throws {
        guard let name = line.subject, Policy.isSandboxName(name) else {
            throw UsageError("say which: sandbox start NAME [COMMAND…]; `sandbox list` shows the kept ones")
        }
        for option in line.settings.map(\.option) where [.name, .upper, .pull, .platform].contains(option) {
            throw UsageError(
                "start goes on with \(quoted(name)) as it is, with its own root and changes: --\(option.rawValue) is for run"
            )
        }
        let kept = try KeptSandbox.read(name, manage.places)
        let given = try line.settings.map { try $0.withHostPathsAbsolute() }
        let isHere = given.last { $0.option == .here }?.value == "true"
        keepsProfile = !given.contains { $0.option == .profile }
        let callers = isHere || !keepsProfile ? try Process.currentFolder() : ""
        try enter(kept.folder, "\(quoted(kept.folder)), where \(quoted(name)) was made")
        let before = try CommandWords(kept.words)
        let own = try before.settings.map { try $0.withHostPathsAbsolute() }
        // Its folder has this name, whatever it was made as.
        line.settings = own + given + [Setting(.name, name, .commandLine)]
        line.subject = before.subject
        if !keepsProfile { profileFolder = callers }
        if isHere {
            if keepsProfile { profileFolder = kept.folder }
            if let word = before.subject, Root.isFolder(word), !word.hasPrefix("/") {
                line.subject = kept.folder + "/" + word
            }
            try changeFolder(callers)
        }
        self.kept = name
        recorded = kept.words
        if self.given.isEmpty { self.given = kept.command; tail = nil }
    }

    private func changeFolder(_ path: String) throws {
        do throws(Errno) { try Process.changeFolder(path) } catch { throw RunError("\(quoted(path)): \(error)") }
    }

    /// Goes where a kept sandbox was made, unless a sandbox has turned the way there.
    private func enter(_ folder: String, _ what: String) throws {
        do throws(any Error) {
            let path = try paths.resolve(folder, what)
            try Process.changeFolder(path.place)
            guard let status = path.status, try FileStatus.of(".").isSameFile(as: status) else { throw Errno.stale }
        } catch let error as Errno { throw RunError("\(what): \(error)") }
    }
}

extension Setting {
    /// Paths of the host on the command line are relative to the current folder; files bring theirs absolute.
    func withHostPathsAbsolute() throws -> Setting {
        guard origin == .commandLine, !value.hasPrefix("/") else { return self }
        let isPath =
            switch option {
            case .layer, .envFile, .bind: true
            case .upper: value != "memory" && value != "disk"
            case .seccomp: FilterChoice.isPath(value)
            default: false
            }
        guard isPath else { return self }
        let path = value.hasPrefix("./") ? value.dropFirst(2) : Substring(value)
        return Setting(option, try Process.currentFolder() + "/" + path, origin)
    }
}

extension Launch.LastWord {
    fileprivate var text: String {
        switch self {
        case .limit(let seconds): "the time limit of \(seconds) s ended the command"
        case .notAdded(let reason): "can't add to the file that output goes to: \(reason)"
        }
    }
}
