// From a profile's name to the whole list of settings: those it extends first, each file once.

import LinuxSystem
public import SandboxPolicy

/// One file that had a part in a resolution.
public struct ProfileMember: Equatable, Sendable {
    public let profile: Profile
    public let source: ProfileSource
    /// What the trust in it has to cover.
    public let covers: [ProfileCover]
    /// Whether another profile of this name stands further down in the search.
    public let shadows: Bool
    /// What it and those it extends open.
    public let opening: [Profile.Line]
    public let trust: ProfileTrust.State

    /// Whether the user has to trust it: a project's profile that opens something, or takes another's name.
    public var needsTrust: Bool { source == .project && (shadows || !opening.isEmpty) }
}

/// What a profile comes to.
public struct ProfileResolution: Equatable, Sendable {
    /// Base profiles' first.
    public let settings: [Setting]
    /// The files it was made from, the profile asked for last.
    public let members: [ProfileMember]
    /// Every file that was read or looked for: when none has changed, neither has `settings`.
    public let dependencies: [SettingsFile.Dependency]
    /// What the project's profiles among them name.
    public let trusted: [SettingsFile.Trusted]

    public var file: SettingsFile {
        SettingsFile(dependencies: dependencies, settings: settings, trusted: trusted)
    }
}

public struct ProfileResolver: Sendable {
    public let search: ProfileSearch
    public let trust: ProfileTrust

    public init(search: ProfileSearch) {
        self.search = search
        trust = ProfileTrust(places: search.places)
    }

    /// - Parameters:
    ///   - word: a name, or a path relative to the current folder.
    ///   - trusting: whether the project's profiles are taken without being trusted: for looking at them only.
    /// - Throws: the first mistake in any of the files, or `untrusted`.
    public func resolve(_ word: String, trusting: Bool = false) throws(ProfileError) -> ProfileResolution {
        try resolve([word], trusting: trusting)
    }

    /// Several, as one profile would have it that extends them in this order.
    public func resolve(_ words: [String], trusting: Bool = false) throws(ProfileError) -> ProfileResolution {
        var walk = Walk(resolver: self, trusting: trusting)
        for dependency in search.projectDependencies { walk.note(dependency.path, dependency.stamp) }
        for word in words { _ = try walk.visit(try walk.find(word, from: nil)) }
        return ProfileResolution(
            settings: walk.settings, members: walk.members, dependencies: walk.dependencies,
            trusted: walk.trusted)
    }

    /// The file that a word leads to, alone and without regard to trust.
    public func locate(_ word: String) throws(ProfileError) -> (name: String, source: ProfileSource, file: String) {
        var walk = Walk(resolver: self, trusting: true)
        let found = try walk.find(word, from: nil)
        return (found.name, found.source, found.file)
    }

    /// The text of a located file.
    public func content(of file: String, source: ProfileSource) throws(ProfileError) -> [UInt8] {
        try ProfileFiles.read(file, user: source == .installed ? nil : search.user)
    }
}

/// What a profile and those it extends may come to.
enum ProfileLimits {
    /// Profiles that extend one another in a row, and all that one extends.
    static let depth = 32
    static let files = 256
    /// Settings of one profile, and openings of all of them.
    static let settings = 10_000
}

/// One resolution under way.
private struct Walk {
    struct Found {
        let name: String
        let source: ProfileSource
        /// Without links.
        let file: String
        /// Its place in the list of folders, or nil for a path.
        let position: Int?
        /// The folder of the project that it belongs to, where it does.
        let project: String?
        /// The one that it was asked for in: by a link, it may be another's.
        let asked: String?
    }

    let resolver: ProfileResolver
    let trusting: Bool
    var settings: [Setting] = []
    var members: [ProfileMember] = []
    var dependencies: [SettingsFile.Dependency] = []
    /// Their paths.
    private var noted: Set<String> = []
    var trusted: [SettingsFile.Trusted] = []
    /// The profiles that are being extended, outermost first.
    var open: [(name: String, file: String)] = []

    init(resolver: ProfileResolver, trusting: Bool) {
        self.resolver = resolver
        self.trusting = trusting
    }

    mutating func note(_ path: String, _ stamp: String) {
        if noted.insert(path).inserted { dependencies.append(SettingsFile.Dependency(path: path, stamp: stamp)) }
    }

    /// Stamps a place before it is read, so that a change meanwhile is noticed afterwards.
    private mutating func exists(_ path: String) -> Bool {
        let stamp = FileStatus.stamp(of: path)
        note(path, stamp)
        return stamp != "-"
    }

    mutating func find(_ word: String, from extending: Found?) throws(ProfileError) -> Found {
        if ProfileSearch.isPath(word) { return try findPath(word, from: extending) }
        // A profile that extends its own name means the one it shadows.
        var start = 0
        if let extending, extending.name == word, let position = extending.position { start = position + 1 }
        let folders = resolver.search.folders
        var looked: [String] = []
        if Self.isName(word) {
            for (position, (source, folder)) in folders.enumerated().dropFirst(start) {
                let path = "\(folder)/\(word).toml"
                if exists(path) {
                    // The user's own folder may have a link to a project's.
                    let project = source == .installed ? nil : ProjectFolder.of(path)
                    let file = try canonical(path)
                    return Found(
                        name: word, source: project == nil ? source : .project, file: file,
                        position: position, project: project, asked: ProjectFolder.asked(path))
                }
                looked.append(path)
            }
        }
        if start > 0 { throw .extendsItself(word, looked: looked) }
        throw .notFound(
            word, looked: looked.isEmpty ? folders.dropFirst(start).map(\.folder) : looked,
            suggestion: Nearest.suggestion(word, among: resolver.search.all().map(\.name)))
    }

    private static func isName(_ word: String) -> Bool {
        !word.isEmpty && !word.hasPrefix(".") && !word.unicodeScalars.contains("\0")
    }

    private mutating func findPath(_ word: String, from extending: Found?) throws(ProfileError) -> Found {
        let search = resolver.search
        var folder = search.currentFolder
        if let extending, let slash = extending.file.lastIndex(of: "/") { folder = String(extending.file[..<slash]) }
        let path = word.hasPrefix("/") ? word : ProfileFiles.joined(folder, word)
        guard !path.unicodeScalars.contains("\0"), exists(path) else {
            throw .notFound(word, looked: [path], suggestion: "")
        }
        let file = try canonical(path)
        func isBeneath(_ folder: String?) throws(ProfileError) -> Bool {
            guard let folder, FileStatus.stamp(of: folder) != "-" else { return false }
            return file.hasPrefix(try canonical(folder) + "/")
        }
        if try isBeneath(search.installed) {
            return Found(name: file, source: .installed, file: file, position: nil, project: nil, asked: nil)
        }
        // Whatever lies beneath a `.sandbox`, or is named by a file there, is a project's, from wherever one stands.
        let project = ProjectFolder.of(path) ?? extending?.project
        let own = try isBeneath(search.places.userProfiles) ? ProfileSource.user : .path
        return Found(
            name: file, source: project == nil ? own : .project, file: file, position: nil, project: project,
            asked: ProjectFolder.asked(path))
    }

    private func canonical(_ path: String) throws(ProfileError) -> String {
        do { return try Files.canonical(path) } catch { throw .unreadable(path, error) }
    }

    /// Joins a profile, after those it extends, to the settings.
    /// - Returns: what it and they open.
    mutating func visit(_ found: Found) throws(ProfileError) -> [Profile.Line] {
        if let first = open.firstIndex(where: { $0.file == found.file }) {
            throw .circle(open[first...].map(\.name) + [found.name])
        }
        // Two of the bases may share one.
        if let member = members.first(where: { $0.profile.file == found.file }) { return member.opening }
        if open.count >= ProfileLimits.depth { throw .tooMany(found.file, "\(ProfileLimits.depth) extend one another") }
        if members.count + open.count >= ProfileLimits.files {
            throw .tooMany(found.file, "\(ProfileLimits.files) are extended")
        }
        _ = exists(found.file)
        let content = try resolver.content(of: found.file, source: found.source)
        let profile = try ProfileReader.read(content, name: found.name, file: found.file)
        open.append((found.name, found.file))
        var opening: [Profile.Line] = []
        var covers: [ProfileCover] = []
        var known: Set<ProfileCover> = []
        var joined: Set<String> = []
        for word in profile.extends.map(\.word) {
            let base = try find(word, from: found)
            // Said twice, it is one; and profiles that share theirs would double what is opened with each step.
            guard joined.insert(base.file).inserted else { continue }
            opening += try visit(base)
            let own = members.first { $0.profile.file == base.file }?.covers ?? []
            covers += own.filter { known.insert($0).inserted }
            if max(opening.count, covers.count) > ProfileLimits.settings {
                throw .tooMany(found.file, "\(ProfileLimits.settings) settings come together")
            }
        }
        open.removeLast()
        opening += profile.lines.filter { $0.setting.opens(over: settings) }
        var named = NamedFiles()
        var state = ProfileTrust.State.trusted
        if let project = found.project {
            named = try NamedFiles(profile, in: project)
            let own = ProfileCover(kind: .profile, name: found.file, value: SHA256.hexadecimal(of: content))
            covers = [own] + named.covers + covers
            if let asked = found.asked, !found.file.utf8.starts(with: (asked + "/").utf8) {
                covers.append(ProfileCover(kind: .target, name: "the project that links to it", value: asked))
            }
            for dependency in named.dependencies { note(dependency.path, dependency.stamp) }
            _ = exists(resolver.trust.record(of: found.file))
            state = resolver.trust.state(of: found.file, covers: covers)
            trusted += named.trusted
        }
        let member = ProfileMember(
            profile: profile, source: found.source, covers: covers, shadows: shadows(found), opening: opening,
            trust: state)
        if !trusting, member.needsTrust, member.trust != .trusted {
            throw .untrusted(
                name: found.name, file: found.file, opens: Self.names(of: opening), state: member.trust)
        }
        members.append(member)
        join(found.project == nil ? profile.settings : named.settings)
        try checkLength(found.file)
        return opening
    }

    /// Extended profiles stand on one level with those that extend them, so what replaces is taken out here.
    private mutating func join(_ added: [Setting]) {
        let replaced = Set(added.map(\.option).filter { $0.described.combining == .replace })
        settings.removeAll { replaced.contains($0.option) }
        settings += added
    }

    /// What is joined is looked through for each line that comes.
    private func checkLength(_ file: String) throws(ProfileError) {
        if settings.count > ProfileLimits.settings {
            throw .tooMany(file, "\(ProfileLimits.settings) settings come together")
        }
    }

    private mutating func shadows(_ found: Found) -> Bool {
        guard let position = found.position else { return false }
        var any = false
        for (_, folder) in resolver.search.folders.dropFirst(position + 1)
        where exists("\(folder)/\(found.name).toml") { any = true }
        return any
    }

    private static func names(of lines: [Profile.Line]) -> [String] {
        var names: [String] = []
        for line in lines where !names.contains(line.setting.option.rawValue) {
            names.append(line.setting.option.rawValue)
        }
        return names
    }
}
