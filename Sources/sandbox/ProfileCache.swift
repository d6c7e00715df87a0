// Profiles as the launcher reads them: option lists that sandbox-manage made from the TOML, good while every file that
// went into them is as it was.

import LinuxSystem
import SandboxPolicy

struct ProfileCache {
    private let manage: Manage
    init(_ manage: Manage) { self.manage = manage }

    /// - Parameter again: what is kept is not good enough.
    func settings(of names: [String], again: Bool = false) throws -> SettingsFile {
        // What a name means depends on the project this is in and on where the user keeps profiles.
        let key = EntryKey(
            "profile", [try Process.currentFolder(), manage.places.configuration, manage.installation.profiles] + names)
        let path = manage.places.profileCache + "/" + key.name
        if !again, let file = fresh(path, key) { return file }
        try manage.run(["__settings", "--key=" + key.word, "--", path] + names)
        guard let file = read(path, key) else {
            throw RunError("the profile \(names.map(quoted).joined(separator: ", ")) could not be prepared")
        }
        return file
    }

    private func fresh(_ path: String, _ key: EntryKey) -> SettingsFile? {
        guard let file = read(path, key), file.dependencies.allSatisfy({ FileStatus.isStill($0.stamp, at: $0.path) })
        else {
            return nil
        }
        return file
    }

    private func read(_ path: String, _ key: EntryKey) -> SettingsFile? {
        OwnFile.read(path).flatMap { key.content(of: $0) }.flatMap { SettingsFile(encoded: $0) }
    }
}

/// Files of caches and store: believed only where nobody else can have written them or put them there.
enum OwnFile {
    /// What this process has looked at already. The launcher has no threads.
    nonisolated(unsafe) private static var ownership = Ownership()

    static func read(_ path: String) -> [UInt8]? {
        do {
            guard let file = try ownership.openRegular(path, .noFollow) else { return nil }
            return try file.readAll(limit: 16 << 20)
        } catch { return nil }
    }

    /// Refuses to work with folders of this program's that others could fill.
    static func check(_ places: Places) throws(RunError) {
        for folder in places.all {
            if let stranger = ownership.stranger(of: folder) {
                throw RunError(Places.refusal(folder, stranger.reason(of: folder)))
            }
        }
    }
}
