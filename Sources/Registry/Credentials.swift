// Who the user is at a registry: auth files (containers-auth.json(5)) and the programs that keep credentials for them.

import Foundation
import LinuxSystem

/// What a user proves to be known with.
struct Credentials: Equatable, Sendable {
    enum Proof: Equatable, Sendable {
        case password(user: String, String)
        /// An OAuth 2 refresh token.
        case identityToken(String)
    }

    let proof: Proof
    /// The file or the program they came from.
    let source: String

    /// `user:password` in base64, as a basic `Authorization` has it (RFC 7617, section 2).
    var basic: String? {
        guard case .password(let user, let password) = proof else { return nil }
        return Data("\(user):\(password)".utf8).base64EncodedString()
    }

    /// What no message may contain.
    var secrets: [String] {
        switch proof {
        case .password(_, let password): [password, basic ?? ""]
        case .identityToken(let token): [token]
        }
    }
}

/// One auth file; Docker's configuration has the same members.
private struct CredentialFile: Decodable, Sendable {
    struct Entry: Decodable, Sendable {
        var auth: String?
        var username: String?
        var password: String?
        var identitytoken: String?
    }

    var auths: [String: Entry]?
    var credHelpers: [String: String]?
    var credsStore: String?
}

/// The auth files of a user, in the order in which they count.
struct CredentialFiles: Sendable {
    private let files: [(path: String, content: CredentialFile)]
    /// All that would be read, for messages.
    let looked: [String]
    private let environment: [String: String]
    /// Milliseconds that a credential helper may take.
    var helperLimit: Int32 = 30_000
    /// What was found out before it was needed, for a process that can start no program by then.
    private var answers: [RegistryEndpoint: Result<Credentials?, RegistryError>] = [:]

    /// - Throws: `unreadable`, `badConfiguration`. Files that don't exist say nothing.
    init(_ folders: SettingFolders) throws(RegistryError) {
        let environment = folders.environment
        self.environment = environment
        if let only = environment["REGISTRY_AUTH_FILE"], !only.isEmpty {
            looked = [only]
        } else {
            let docker = environment["DOCKER_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
            looked = [
                folders.runtime + "/auth.json", folders.configuration.map { $0 + "/auth.json" },
                (docker ?? folders.home.map { $0 + "/.docker" }).map { $0 + "/config.json" },
            ].compactMap { $0 }
        }
        var files: [(path: String, content: CredentialFile)] = []
        for path in looked {
            try BelievedFile.check(path)
            let bytes: [UInt8]
            do { bytes = try Files.read(path, limit: 4 << 20) } catch .noEntry { continue } catch {
                throw .unreadable(file: path, error)
            }
            // An empty file is what a login that was interrupted leaves.
            if bytes.isEmpty { continue }
            do { files.append((path, try JSONDecoder().decode(CredentialFile.self, from: Data(bytes)))) } catch {
                // The reason that comes with it may quote a secret.
                throw .badConfiguration(
                    file: path, line: nil, "not the JSON of an auth file (containers-auth.json(5)); log in anew")
            }
        }
        self.files = files
    }

    /// The credentials for a repository, or nil where nothing is known.
    /// - Throws: `credentialHelper`, `badConfiguration`.
    /// - Parameter helpers: programs that are asked for every registry, or `containers-auth.json` for the files
    ///   (containers-registries.conf(5), "credential-helpers").
    func find(
        for endpoint: RegistryEndpoint, helpers: [String]
    ) throws(RegistryError) -> Credentials? {
        if let answer = answers[endpoint] { return try answer.get() }
        for helper in helpers.isEmpty ? [Self.filesWord] : helpers {
            let found =
                helper == Self.filesWord
                ? try findInFiles(endpoint) : try ask(helper, for: endpoint.host)
            if let found { return found }
        }
        return nil
    }

    /// Finds out now what `find` would. A failure is told when somebody wants the credentials.
    mutating func prepare(for endpoint: RegistryEndpoint, helpers: [String]) {
        answers[endpoint] = Result { () throws(RegistryError) in try find(for: endpoint, helpers: helpers) }
    }

    private static let filesWord = "containers-auth.json"

    private func findInFiles(_ endpoint: RegistryEndpoint) throws(RegistryError) -> Credentials? {
        for (path, file) in files {
            for name in Self.names(of: endpoint) {
                if let helper = file.credHelpers?[name] {
                    if let found = try ask(helper, for: Self.helperName(name)) { return found }
                }
            }
            let entries = Dictionary((file.auths ?? [:]).map { (Self.plain($0.key), $0.value) }) { first, _ in first }
            for name in Self.names(of: endpoint) {
                if let entry = file.auths?[name] ?? entries[name], let found = try credentials(entry, name, path) {
                    return found
                }
            }
            if let store = file.credsStore, !store.isEmpty,
                let found = try ask(store, for: Self.helperName(endpoint.host))
            {
                return found
            }
        }
        return nil
    }

    /// What an auth file may call the repository, the most specific first.
    static func names(of endpoint: RegistryEndpoint) -> [String] {
        var names: [String] = []
        var path = endpoint.repository.split(separator: "/")
        while !path.isEmpty {
            names.append("\(endpoint.host)/\(path.joined(separator: "/"))")
            path.removeLast()
        }
        names.append(endpoint.host)
        if RegistryName.isDefault(endpoint.host) { names += ["index.docker.io", "registry-1.docker.io"] }
        return names
    }

    /// `https://HOST/v1/`, as Docker writes some, without what is not the name.
    private static func plain(_ name: String) -> String {
        var plain = Substring(name)
        for scheme in ["https://", "http://"] where plain.hasPrefix(scheme) { plain = plain.dropFirst(scheme.count) }
        while plain.hasSuffix("/") { plain = plain.dropLast() }
        for version in ["/v1", "/v2"] where plain.hasSuffix(version) { plain = plain.dropLast(version.count) }
        return String(plain)
    }

    /// What credential helpers know docker.io by.
    private static func helperName(_ name: String) -> String {
        RegistryName.isDefault(name) ? "https://index.docker.io/v1/" : name
    }

    private func credentials(
        _ entry: CredentialFile.Entry, _ name: String, _ path: String
    ) throws(RegistryError) -> Credentials? {
        if let token = entry.identitytoken, !token.isEmpty {
            return Credentials(proof: .identityToken(token), source: path)
        }
        if let user = entry.username, let password = entry.password, !user.isEmpty {
            return Credentials(proof: .password(user: user, password), source: path)
        }
        guard let auth = entry.auth, !auth.isEmpty else { return nil }
        guard let bytes = Data(base64Encoded: auth), let text = String(data: bytes, encoding: .utf8),
            let colon = text.firstIndex(of: ":")
        else {
            throw .badConfiguration(
                file: path, line: nil, "auth of \(shown(name)) is not USER:PASSWORD in base64; log in anew")
        }
        // Docker pads passwords with NUL bytes.
        let password = text[text.index(after: colon)...].prefix { $0 != "\0" }
        return Credentials(proof: .password(user: String(text[..<colon]), String(password)), source: path)
    }
}

extension CredentialFiles {
    private struct Answer: Decodable {
        var user: String?
        var secret: String

        enum CodingKeys: String, CodingKey {
            case user = "Username"
            case secret = "Secret"
        }
    }

    /// Asks `docker-credential-NAME get`: the server's name goes in, JSON comes out (docker-credential-helpers,
    /// "Development").
    private func ask(_ helper: String, for server: String) throws(RegistryError) -> Credentials? {
        let program = "docker-credential-\(helper)"
        func failure(_ what: String) -> RegistryError { .credentialHelper(program: program, what) }
        guard !helper.isEmpty, !helper.contains("/"), !helper.contains("\0") else {
            throw failure("an auth file names it, and it is not the name of a program")
        }
        let folders = (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        guard let path = folders.lazy.map({ "\($0)/\(program)" }).first(where: { Files.isAccessible($0, 1) }) else {
            throw failure("an auth file names it, and it is not on the PATH; install it, or log in without it")
        }
        let (output, status) = try run(path, server, failure)
        if status != .exited(0) {
            // The only word it has for a server it does not know.
            if String(decoding: output, as: UTF8.self).lowercased().contains("credentials not found") { return nil }
            throw failure("it ends with status \(status.shellStatus); does `\(program) list` work?")
        }
        let answer: Answer
        do { answer = try JSONDecoder().decode(Answer.self, from: Data(output)) } catch {
            throw failure("what it prints is not the JSON of credentials")
        }
        // How helpers mark an identity token.
        if answer.user == "<token>" { return Credentials(proof: .identityToken(answer.secret), source: program) }
        guard let user = answer.user, !user.isEmpty else { return nil }
        return Credentials(proof: .password(user: user, answer.secret), source: program)
    }

    private func run(
        _ path: String, _ server: String, _ failure: (String) -> RegistryError
    ) throws(RegistryError) -> (output: [UInt8], status: ExitStatus) {
        let child: ProcessID
        let reader: SharedDescriptor
        do {
            let input = try Descriptor.memoryFile("credential-helper")
            try input.write(Array((server + "\n").utf8))
            try input.rewind()
            var own = try PipeEnds()
            var given = own
            let silence = try Descriptor.open("/dev/null", [.writeOnly])
            let writer = given.keepWriter()
            reader = own.keepReader()
            child = try Process.spawn(
                path, arguments: [path, "get"], environment: environment.map { "\($0.key)=\($0.value)" },
                output: writer.raw, errorOutput: silence.raw, input: input.raw)
            withExtendedLifetime(writer) {}
        } catch { throw failure("it can't be started: \(error)") }
        var output: [UInt8] = []
        var reason: String?
        do {
            let deadline = Clock.milliseconds + Int(helperLimit)
            while reason == nil {
                let left = deadline - Clock.milliseconds
                guard left > 0, try reader.descriptor.waitForInput(milliseconds: Int32(left)) else {
                    reason = "it does not answer within \(helperLimit / 1000) s"
                    break
                }
                let piece = try reader.descriptor.read(upTo: 64 << 10)
                if piece.isEmpty { break }
                output += piece
                if output.count > 1 << 20 { reason = "it prints more than credentials" }
            }
        } catch { reason = "its answer can't be read: \(error)" }
        if reason != nil { Process.kill(child, 9) }
        do {
            let status = try Process.wait(for: child)
            if let reason { throw failure(reason) }
            return (output, status)
        } catch let error as RegistryError { throw error } catch { throw failure("it can't be waited for: \(error)") }
    }
}
