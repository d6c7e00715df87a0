// A home, a project and an installation in a temporary folder, for one test.

import Foundation
import LinuxSystem
import Profiles
import SandboxPolicy

final class World {
    let root: String
    var home: String { root + "/home" }
    var project: String { home + "/project" }
    var installed: String { root + "/share/profiles" }
    var places: Places { Places(home: home, dataHome: nil, cacheHome: nil, configHome: nil) }

    init() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try Files.makeDirectories(folder)
        root = try Files.canonical(folder)
        for folder in [project, installed] { try Files.makeDirectories(folder) }
        try write("share/profiles/default.toml", "network = \"none\"\n")
    }

    deinit { do { try FileManager.default.removeItem(atPath: root) } catch {} }

    /// Writes a file below the root.
    func write(_ path: String, _ text: String, mode: UInt32 = 0o600) throws {
        let whole = "\(root)/\(path)"
        if let slash = whole.lastIndex(of: "/") { try Files.makeDirectories(String(whole[..<slash])) }
        try Files.replace(whole, with: Array(text.utf8), mode: mode)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: whole)
    }

    func writeProject(_ name: String, _ text: String) throws {
        try write("home/project/.sandbox/profiles/\(name).toml", text)
    }

    func writeUser(_ name: String, _ text: String) throws {
        try write("home/.config/sandbox/profiles/\(name).toml", text)
    }

    func writeInstalled(_ name: String, _ text: String) throws { try write("share/profiles/\(name).toml", text) }

    /// - Parameter folder: below the root.
    func resolver(in folder: String = "home/project") -> ProfileResolver {
        ProfileResolver(
            search: ProfileSearch(
                places: places, installed: installed, currentFolder: "\(root)/\(folder)", home: home))
    }

    /// `key=value` of each setting, without the origins.
    func settings(of word: String) throws -> [String] {
        try resolver().resolve(word).settings.map { "\($0.option.rawValue)=\($0.value)" }
    }

    /// What keeps a profile from being resolved.
    func failure(of word: String) -> String? {
        do {
            _ = try resolver().resolve(word)
            return nil
        } catch {
            return error.description
        }
    }

    func trust(_ word: String) throws {
        let resolver = resolver()
        for member in try resolver.resolve(word, trusting: true).members where member.needsTrust {
            try resolver.trust.trust(member.profile.file, covers: member.covers)
        }
    }
}
