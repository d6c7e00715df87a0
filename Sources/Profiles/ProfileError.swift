// Everything that can be wrong with a profile, and its one sentence each.

public import LinuxSystem
import SandboxPolicy

/// A place in a profile's file. Lines count from 1.
public struct ProfilePlace: Equatable, Sendable {
    public let profile: String
    public let file: String
    public let line: Int

    public init(profile: String, file: String, line: Int) {
        self.profile = profile
        self.file = file
        self.line = line
    }
}

public enum ProfileError: Error, Equatable, Sendable {
    /// - Parameters: `looked` the files that would have been read; `suggestion` as `Nearest` makes it.
    case notFound(String, looked: [String], suggestion: String)
    /// Its own name means the profile that it shadows, and there is none.
    case extendsItself(String, looked: [String])
    case unreadable(String, Errno)
    /// The file belongs to someone, or can be written by someone, who must not decide about this user's sandboxes.
    case notOwned(String, String)
    case syntax(ProfilePlace, column: Int, message: String)
    case unknownKey(ProfilePlace, key: String, suggestion: String)
    case invalid(ProfilePlace, String)
    /// The names, the first one again at the end.
    case circle([String])
    /// - Parameters: `opens` what the profile wants; `state` whether something else was trusted before.
    case untrusted(name: String, file: String, opens: [String], state: ProfileTrust.State)
    /// A path of a project's that a link leads out of the project.
    case leadsOut(ProfilePlace, option: String, path: String, target: String)
    /// More than `ProfileLimits` allow: the file at which it became too much, and what there is too much of.
    case tooMany(String, String)
    case notWritten(String, Errno)
    /// Trust was offered to a profile that needs none.
    case needsNoTrust(name: String, file: String)
}

extension ProfilePlace: CustomStringConvertible {
    public var description: String { "profile \(quoted(profile)) (\(escaped(file)):\(line))" }
}

extension ProfileError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notFound(let name, let looked, let suggestion):
            "no profile \(quoted(name))\(escaped(suggestion)) (looked for \(escaped(looked.joined(separator: ", "))))"
        case .extendsItself(let name, let looked):
            "profile \(quoted(name)) extends its own name, and no other of that name lies further down (looked for "
                + "\(escaped(looked.joined(separator: ", ")))); take that extends out"
        case .unreadable(let file, .tooBig):
            "profile \(quoted(file)) has more than \(ProfileFiles.limit) bytes, which no profile needs"
        case .unreadable(let file, let errno):
            "profile \(quoted(file)) can't be read: \(errno)"
        case .notOwned(let file, let reason):
            "profile \(quoted(file)) is refused: it \(escaped(reason)); make it yours alone, or copy it to a folder that is"
        case .syntax(let place, let column, let message):
            "profile \(quoted(place.profile)) (\(escaped(place.file)):\(place.line):\(column)) is not TOML: "
                + escaped(message)
        case .unknownKey(let place, let key, let suggestion):
            "\(place): unknown key \(quoted(key.count > 200 ? key.prefix(200) + "…" : key))\(suggestion)"
        case .invalid(let place, let message):
            "\(place): \(message)"
        case .circle(let names):
            "profiles extend each other in a circle: \(escaped(names.joined(separator: " -> "))); take one extends out"
        case .untrusted(let name, let file, let opens, let state):
            Self.untrusted(name, file, opens, state)
        case .leadsOut(let place, let option, let path, let target):
            "\(place): \(option) \(quoted(path)) is led out of the project by a link, to \(quoted(target)); write "
                + "that path, if it is what you want"
        case .tooMany(let file, let what):
            "profile \(quoted(file)): more than \(what), which no profile needs; put them into one file"
        case .notWritten(let file, let errno):
            "\(quoted(file)) can't be written: \(errno); "
                + (errno == .tooBig
                    ? "allow larger files: `ulimit -f unlimited`"
                    : "name a folder that can be with XDG_CACHE_HOME, as XDG_CACHE_HOME=/tmp/cache-of-mine")
        case .needsNoTrust(let name, let file):
            "profile \(quoted(name)) (\(escaped(file))) is not the project's and needs no trust"
        }
    }

    private static func untrusted(
        _ name: String, _ file: String, _ opens: [String], _ state: ProfileTrust.State
    ) -> String {
        let why =
            switch state {
            case .changed(let what): "has changed since it was trusted: \(what.joined(separator: "; "))"
            case .outdated: "was trusted by an older version, which did not look at the files that it names"
            case .trusted, .unknown:
                opens.isEmpty
                    ? "comes from the project and takes the place of a profile of yours"
                    : "comes from the project and opens or steers the sandbox (\(escaped(opens.joined(separator: ", "))))"
            }
        return "profile \(quoted(name)) (\(escaped(file))) \(why); read it, then say "
            + "`sandbox profile trust \(escaped(name))`"
    }
}
