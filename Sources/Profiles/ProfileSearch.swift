// Where profiles are looked for, in which order, and whose files count.

public import LinuxSystem
public import SandboxPolicy

/// The kinds of place a profile can come from, in the order in which a name is looked for.
public enum ProfileSource: String, Sendable, CaseIterable, Codable {
    case project, user, installed
    /// Named by its path.
    case path
}

/// The folders of one user in one current folder.
public struct ProfileSearch: Sendable {
    public let places: Places
    /// The folder of the profiles that came with the program.
    public let installed: String
    public let currentFolder: String
    public let user: UInt32
    /// `.sandbox` of the project, or nil outside of one.
    public var project: String? { projects.first }
    /// The same of the folders above as well, the nearest first: one further down does not hide what it has not.
    public let projects: [String]
    /// The places of a `.sandbox` that were looked at to find `projects`, with what was there.
    public let projectDependencies: [SettingsFile.Dependency]

    /// Looks for the project: `.sandbox` in the current folder and those above that have it, no higher than
    /// the home folder, and never in a folder of another user.
    /// - Parameters:
    ///   - home: absolute, as are the other folders.
    ///   - user: whose profiles count.
    public init(
        places: Places, installed: String, currentFolder: String, home: String, user: UInt32 = Process.effectiveUser
    ) {
        self.places = places
        self.installed = installed
        self.currentFolder = currentFolder
        self.user = user
        var dependencies: [SettingsFile.Dependency] = []
        var found: [String] = []
        var folder = currentFolder
        while Self.owner(of: folder) == user {
            let path = ProfileFiles.joined(folder, ".sandbox")
            let stamp = FileStatus.stamp(of: path)
            dependencies.append(SettingsFile.Dependency(path: path, stamp: stamp))
            if stamp != "-" { found.append(path) }
            guard folder != home, folder != "/", let slash = folder.lastIndex(of: "/") else { break }
            folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
        }
        projects = found
        projectDependencies = dependencies
    }

    private static func owner(of folder: String) -> UInt32? {
        do { return try FileStatus.of(folder).owner } catch { return nil }
    }

    /// The folders that a name is looked for in, highest first.
    public var folders: [(source: ProfileSource, folder: String)] {
        projects.map { (.project, $0 + "/profiles") } + [(.user, places.userProfiles), (.installed, installed)]
    }

    /// Whether a word is a path rather than a name.
    public static func isPath(_ word: String) -> Bool { word.contains("/") || word.hasSuffix(".toml") }

    /// The names of all profiles, with those that are shadowed, in the order of the search.
    public func all() -> [(name: String, source: ProfileSource, file: String, shadowed: Bool)] {
        var found: [(name: String, source: ProfileSource, file: String, shadowed: Bool)] = []
        var seen: Set<String> = []
        for (source, folder) in folders {
            for name in ProfileFiles.names(in: folder) {
                found.append((name, source, "\(folder)/\(name).toml", !seen.insert(name).inserted))
            }
        }
        return found
    }
}

/// The files of profiles.
enum ProfileFiles {
    static func joined(_ folder: String, _ name: String) -> String {
        folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
    }

    /// The names of the profiles in a folder, sorted; none where there is no such folder.
    static func names(in folder: String) -> [String] {
        do {
            return try Descriptor.open(folder, [.readOnly, .directory]).names()
                .filter { $0.hasSuffix(".toml") && $0.count > 5 }.map { String($0.dropLast(5)) }.sorted()
        } catch {
            return []
        }
    }

    /// Bytes of one profile.
    static let limit = 1 << 20

    /// The content of a profile's file of at most `limit` bytes.
    /// - Parameter user: whose files count, beside root's; nil for files that came with the program, because whoever
    ///   can change those can change the program.
    /// - Throws: `unreadable` and `notOwned`.
    static func read(_ path: String, user: UInt32?) throws(ProfileError) -> [UInt8] {
        do {
            guard let user else { return try Files.read(path, limit: limit) }
            var ownership = Ownership(user: user)
            return try ownership.openRegular(path)?.readAll(limit: limit) ?? []
        } catch Disbelief.failed(let error) {
            throw .unreadable(path, error)
        } catch let error as Disbelief {
            throw .notOwned(path, error.reason(of: path))
        } catch let error as Errno {
            throw .unreadable(path, error)
        } catch {
            throw .unreadable(path, .invalid)
        }
    }
}
