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
    /// The name of the kept sandbox that goes on.
    private(set) var kept: String?
    /// For `start`: where the profile's name was written, where that is not the current folder.
    private var profileFolder: String?
    /// For `start`: no other profile than it was made with.
    private var keepsProfile = true
    /// The whole command that a kept sandbox was made with, where it is to be run again.
    private var keptCommand: [String]?
    /// How many of the settings were given when a kept sandbox was made.
    private var keptSettings = 0

    /// - Parameter arguments: the words of this process, of which `line` is what is behind the first `offset`.
    init(_ verb: Verb, _ line: CommandWords, _ arguments: [String], offset: Int, _ manage: Manage) throws {
        self.verb = verb
        self.manage = manage
        paths = HostPaths(manage.places)
        self.line = line
        let words = Array(arguments.dropFirst(offset))
        var line = line
        if verb == .shell { ShellWords.settle(&line, words, manage.places) }
        self.line = line
        tail = line.commandStart.map { $0 + offset }
        given = line.commandStart.map { Array(words[$0...]) } ?? []
        recorded = line.commandStart.map { Array(words[..<$0]) } ?? words
        if verb == .shell { recorded = ShellWords.recorded(line, words) }
        if verb == .start { try restore(line.subject) }
        if verb == .shell, let name = line.settings.last(where: { $0.option == .name })?.value,
            Policy.isSandboxName(name), Files.isAccessible(manage.places.kept(name), 0)
        {
            try comeBack(to: name)
        }
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
        var protecting = try Protecting(&policy, paths, manage.places)
        var facts = Facts.gather(for: policy, host: root.kind == .host ? manage.places.all : nil)
        facts.substitutions = protecting.substitutions
        let identity = try IdentityMap(policy.identity, facts)
        protecting.leaveOutUnreachable(identity)
        facts.protections = protecting.protections
        let command = try commandWords(policy, root)
        let store = Store(manage)
        let lease = Lease(manage.places)
        let source = try store.unpacked(root, identity.mode, lease, line.settings)
        var layers = try store.setupLayer(
            policy, source, identity.mode, lease, given: subject, kept: keepsProfile ? kept : nil)
        layers += try store.layers(policy.layers, identity.mode, lease, line.settings)
        if source == .host { facts.readLayers(layers) }
        let upper = try Upper.prepare(
            policy, facts, MadeOver(root, identity.mode), lowers: layers + source.folders, manage, paths,
            goesOn: kept != nil)
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
        if verb == .shell, policy.here, let hint = try Protecting.repositoryAbove(), !policy.quiet { Message.say(hint) }
        let guardian = try protecting.guardian(isQuiet: policy.quiet)
        defer { guardian?.end() }
        let observing = try Observing(
            verb, policy, filter, foreign: root.kind == .host ? identity.uids : nil, manage, paths)
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
        var names = line.settings.filter { $0.option == .profile }.map(\.value)
        if names.isEmpty { names = [verb == .shell ? "shell" : "default"] }
        // What a name means depends on the folder.
        let here = try profileFolder.map { _ in try Process.currentFolder() }
        if let profileFolder { try changeFolder(profileFolder) }
        defer { if let here { do { try changeFolder(here) } catch {} } }
        for name in names { try paths.resolveProfile(name) }
        let cache = ProfileCache(manage)
        var file = try cache.settings(of: names)
        if try !paths.hold(file.trusted) {
            // Whoever reads the profile again says what has changed, or finds it good.
            file = try cache.settings(of: names, again: true)
            guard try paths.hold(file.trusted) else {
                let all = names.map(quoted).joined(separator: ", ")
                throw RunError("what the profile \(all) names changes while it is looked at; try again")
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
                if !EnvironmentFile.isStandardInput(setting) { all.append(setting) }
            }
            policy = try Policy(all)
        }
        try paths.settle(&policy, root, manage.installation)
        return policy
    }

    /// The words to run: entrypoint and command as container engines combine them.
    private func commandWords(_ policy: Policy, _ root: Root) throws -> [String] {
        if let whole = keptCommand, !line.settings.contains(where: { $0.option == .entrypoint && isNew($0) }) {
            return whole
        }
        if verb == .shell, !policy.settings.contains(where: { $0.option == .entrypoint && $0.origin == .commandLine }) {
            // An image's own program is no shell.
            return given.isEmpty ? shell(root) : given
        }
        let words = given.isEmpty ? policy.command : given
        if !(policy.entrypoint + words).isEmpty { return policy.entrypoint + words }
        if verb == .start || policy.explain != nil { return ["/bin/sh"] }
        throw UsageError(
            "\(quoted(try subject)) names no command of its own: give one, as sandbox run … \(try subject) sh")
    }

    /// Whether a setting was given now, and not when a kept sandbox was made.
    private func isNew(_ setting: Setting) -> Bool { line.settings.dropFirst(keptSettings).contains(setting) }

    /// The caller's own on this machine; in an image what it has.
    private func shell(_ root: Root) -> [String] {
        root.kind == .host
            ? [ownShell] : ["/bin/sh", "-c", "command -v bash >/dev/null && exec bash; exec /bin/sh"]
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
    private mutating func restore(_ name: String?) throws {
        guard let name, Policy.isSandboxName(name) else {
            throw UsageError("say which: sandbox start NAME [COMMAND…]; `sandbox list` shows the kept ones")
        }
        for option in line.settings.map(\.option)
        where verb == .start && [.name, .upper, .pull, .platform].contains(option) {
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
        // Profiles, and what stands together, take the place of those from then.
        let replaced = Set(line.settings.map(\.option).filter { $0 == .profile || $0.described.combining == .replace })
        let own = try before.settings.filter { !replaced.contains($0.option) }.map { try $0.withHostPathsAbsolute() }
        keptSettings = own.count
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
        if self.given.isEmpty, verb == .start {
            keptCommand = kept.command.isEmpty ? nil : kept.command
            tail = nil
        }
    }

    private func changeFolder(_ path: String) throws {
        do throws(Errno) { try Process.changeFolder(path) } catch { throw RunError("\(quoted(path)): \(error)") }
    }

    /// `shell --name` of one that is kept already goes on with it, whatever it was made by.
    private mutating func comeBack(to name: String) throws {
        let kept = try KeptSandbox.read(name, manage.places)
        guard try kept.folder == Process.currentFolder() else {
            throw RunError(
                "the sandbox \(quoted(name)) was made in \(quoted(kept.folder)): change to that folder, or go on with it "
                    + "there by `sandbox start \(name)`")
        }
        if let subject = line.subject, try subject != CommandWords(kept.words).subject {
            throw RunError("the sandbox \(quoted(name)) is kept on another root file system than \(quoted(subject))")
        }
        try restore(name)
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
        // What has no path in it is refused when it is read.
        guard origin == .commandLine, !value.hasPrefix("/"), !value.isEmpty, !value.hasPrefix(":"),
            !EnvironmentFile.isStandardInput(self)
        else { return self }
        let isPath =
            switch option {
            case .layer, .envFile, .bind: true
            case .upper: value != "memory" && value != "disk"
            case .seccomp: FilterChoice.isPath(value)
            default: false
            }
        guard isPath else { return self }
        let path = value.hasPrefix("./") ? value.dropFirst(2) : Substring(value)
        let folder = try Process.currentFolder()
        return Setting(option, (option == .bind ? Bind.escaped(folder) : folder) + "/" + path, origin)
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
