// What a user and a machine have settled about registries: where names lead, who to be there, whom to trust.

import LinuxSystem
public import SandboxPolicy

/// One place that an image may come from or go to.
public struct RegistryEndpoint: Hashable, Sendable, CustomStringConvertible {
    /// HOST[:PORT] as users and files of settings write it.
    public let host: String
    /// The path below it: `library/alpine`.
    public let repository: String
    /// TLS without a known certificate, and no TLS at all, are allowed.
    public let insecure: Bool

    public var description: String { "\(host)/\(repository)" }

    /// HOST[:PORT] that answers for it.
    var server: String { RegistryName.isDefault(host) ? "registry-1.docker.io" : host }
}

/// Names of registries and repositories, apart from what files say about them.
enum RegistryName {
    static func isDefault(_ host: String) -> Bool {
        host == ImageReference.defaultRegistry || host == "index.docker.io" || host == "registry-1.docker.io"
    }

    /// HOST[:PORT]/PATH in two; single names of the default registry are in `library/` there.
    static func endpoint(_ name: String, insecure: Bool) -> RegistryEndpoint {
        let host = String(name.prefix { $0 != "/" })
        var path = String(name.dropFirst(host.count + 1))
        if isDefault(host), !path.contains("/") { path = "library/" + path }
        return RegistryEndpoint(
            host: isDefault(host) ? ImageReference.defaultRegistry : host, repository: path, insecure: insecure)
    }

    /// Whether HOST[:PORT] is this machine and no other: `localhost`, 127.0.0.0/8 or `[::1]`.
    static func isLoopback(_ server: String) -> Bool {
        if server == "[::1]" || server.hasPrefix("[::1]:") { return true }
        let host = server.prefix { $0 != ":" }
        if host == "localhost" { return true }
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
    }
}

/// Read once, from an environment and the files it leads to; nothing is looked up again later but credential helpers.
public struct RegistryConfiguration: Sendable {
    let names: RegistriesFile
    private(set) var credentials: CredentialFiles
    let trust: TrustFiles
    let proxies: Proxies

    /// Reads all files of settings that there are: containers-registries.conf(5), containers-registries.conf.d(5),
    /// containers-auth.json(5), containers-certs.d(5).
    ///
    /// - Parameters:
    ///   - environment: of the user; `HOME`, `PATH`, the XDG folders, `CONTAINERS_REGISTRIES_CONF`,
    ///     `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG`, `SSL_CERT_FILE`, `SSL_CERT_DIR` and the proxies count.
    ///   - root: put before /etc, /run and /var.
    ///   - user: whose default run-time folder and, for 0, whose aliases are read; nil for this process's.
    /// - Throws: `badConfiguration` or `unreadable`, for the first file that is wrong.
    public init(
        environment: [String: String], root: String = "", user: UInt32? = nil
    ) throws(RegistryError) {
        let folders = SettingFolders(environment: environment, root: root, user: user ?? Process.effectiveUser)
        names = try Self.names(folders)
        credentials = try CredentialFiles(folders)
        trust = TrustFiles(folders)
        proxies = Proxies(environment)
    }

    private static func names(_ folders: SettingFolders) throws(RegistryError) -> RegistriesFile {
        if let only = folders.environment["CONTAINERS_REGISTRIES_CONF"], !only.isEmpty {
            return try RegistriesFile(reading: only)
        }
        var files: [String] = []
        if let user = folders.configuration, Self.exists(user + "/registries.conf") {
            files = [user + "/registries.conf"] + (try dropIns(user))
        } else {
            let system = folders.root + "/etc/containers"
            if exists(system + "/registries.conf") { files.append(system + "/registries.conf") }
            files += try dropIns(system)
            if let user = folders.configuration { files += try dropIns(user) }
        }
        // What other programs have asked about short names counts most, as with them.
        let asked = folders.user == 0 ? folders.root + "/var/cache/containers" : folders.cache
        if let file = asked.map({ $0 + "/short-name-aliases.conf" }), exists(file) { files.append(file) }
        var merged = RegistriesFile()
        for file in files { merged.merge(try RegistriesFile(reading: file)) }
        return merged
    }

    /// Asks the credential helpers that an image may need, so that none is started later. What is wrong with the name is
    /// told when the image is asked for.
    public mutating func askHelpers(for reference: ImageReference, written word: String? = nil) {
        do throws(RegistryError) {
            for endpoint in try candidates(for: reference, written: word) {
                credentials.prepare(for: endpoint, helpers: names.credentialHelpers ?? [])
            }
        } catch { return }
    }

    /// Files and folders that are read when a registry is asked.
    public var filesReadLater: [String] { trust.places }

    private static func exists(_ path: String) -> Bool { Files.isAccessible(path, 0) }

    private static func dropIns(_ folder: String) throws(RegistryError) -> [String] {
        let folder = folder + "/registries.conf.d"
        do {
            return try Descriptor.open(folder, [.readOnly, .directory]).names()
                .filter { $0.hasSuffix(".conf") }.sorted().map { "\(folder)/\($0)" }
        } catch .noEntry { return [] } catch { throw .unreadable(file: folder, error) }
    }
}

/// Where files of settings are looked for.
struct SettingFolders {
    let environment: [String: String]
    let root: String
    let user: UInt32

    private func folder(_ variable: String, _ fallback: String) -> String? {
        // The XDG base directory specification lets absolute paths count only.
        if let value = environment[variable], value.hasPrefix("/") { return value }
        return home.map { $0 + fallback }
    }

    var home: String? { environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } }
    var configuration: String? { folder("XDG_CONFIG_HOME", "/.config").map { $0 + "/containers" } }
    var cache: String? { folder("XDG_CACHE_HOME", "/.cache").map { $0 + "/containers" } }
    var runtime: String {
        if let value = environment["XDG_RUNTIME_DIR"], value.hasPrefix("/") { return value + "/containers" }
        return "\(root)/run/containers/\(user)"
    }
}

extension RegistryConfiguration {
    /// Where the image is to be looked for, best first: for each registry it may come from, its mirrors and then itself.
    ///
    /// A short name goes by its alias, else to each of `unqualified-search-registries`, else to docker.io.
    ///
    /// - Parameter word: the name as the user wrote it. `ImageReference` calls `docker.io/library/alpine` just `alpine`,
    ///   and a name that was written whole must not be looked for elsewhere.
    /// - Throws: `blocked`, `ambiguous`.
    public func candidates(
        for reference: ImageReference, written word: String? = nil
    ) throws(RegistryError) -> [RegistryEndpoint] {
        var found: [RegistryEndpoint] = []
        for name in try fullNames(reference, word) {
            for endpoint in try endpoints(name, reference) where !found.contains(endpoint) { found.append(endpoint) }
        }
        return found
    }

    /// Where the image is to be sent: what the name says, or docker.io for a short one. Mirrors and other locations are
    /// for reading only (containers-registries.conf(5), "Remapping and mirroring registries").
    /// - Throws: `blocked`.
    public func destination(for reference: ImageReference) throws(RegistryError) -> RegistryEndpoint {
        let name = Self.written(reference.registry == nil ? "docker.io/" + reference.name : reference.name)
        let rule = try openRule(name, reference)
        return RegistryName.endpoint(name, insecure: rule?.insecure ?? false)
    }

    /// The full names that a reference may mean.
    private func fullNames(_ reference: ImageReference, _ word: String?) throws(RegistryError) -> [String] {
        let name = reference.name
        if reference.registry != nil { return [name] }
        if let word, let host = word.split(separator: "/", maxSplits: 1).first, word.contains("/"),
            RegistryName.isDefault(String(host))
        {
            return [Self.written("docker.io/" + name)]
        }
        if let alias = names.aliases[name], !alias.isEmpty { return [Self.written(alias)] }
        let search = names.search ?? []
        if search.isEmpty { return [Self.written("docker.io/" + name)] }
        if search.count > 1, names.enforcing ?? false { throw .ambiguous(name: name, registries: search) }
        return search.map { Self.written("\($0)/\(name)") }
    }

    /// The name as rules are written for it: with `library/` where docker.io has it.
    private static func written(_ name: String) -> String {
        RegistryName.endpoint(name, insecure: false).description
    }

    /// The rule for the name, where it does not forbid it.
    private func openRule(_ name: String, _ reference: ImageReference) throws(RegistryError) -> RegistryRule? {
        guard let rule = names.rule(for: Self.whole(name, reference)) else { return nil }
        if rule.blocked { throw .blocked(name: name, file: rule.file) }
        return rule
    }

    private static func whole(_ name: String, _ reference: ImageReference) -> String {
        name + (reference.tag.map { ":" + $0 } ?? "") + (reference.digest.map { "@\($0)" } ?? "")
    }

    /// One full name's mirrors, and then its own place.
    private func endpoints(
        _ name: String, _ reference: ImageReference
    ) throws(RegistryError) -> [RegistryEndpoint] {
        guard let rule = try openRule(name, reference), let rest = rule.rest(of: Self.whole(name, reference)) else {
            return [RegistryName.endpoint(name, insecure: false)]
        }
        // The rest of a name begins with `/`, or is a tag or digest, which the reference has.
        let path = rest.hasPrefix("/") ? String(rest.prefix { $0 != ":" && $0 != "@" }) : ""
        var places: [(location: String, insecure: Bool)] = rule.mirrors.filter { mirror in
            switch mirror.use {
            case .all: true
            case .digestOnly: reference.digest != nil
            case .tagOnly: reference.digest == nil
            }
        }.map { ($0.location + path, $0.insecure) }
        places.append((rule.location.map { $0 + path } ?? name, rule.insecure))
        return try places.map { place throws(RegistryError) in
            guard place.location.contains("/") else {
                throw .badConfiguration(
                    file: rule.file, line: nil, "\(quoted(place.location)) is a registry, not a place for \(name)")
            }
            return RegistryName.endpoint(place.location, insecure: place.insecure)
        }
    }

    /// Whether the rules let a server that is no endpoint itself, as one that gives out tokens, be insecure.
    func isInsecure(server: String) -> Bool { names.rule(for: server)?.insecure ?? false }
}
