// Whose certificates count at a registry, and what this side shows of itself (containers-certs.d(5)).

import LinuxSystem

/// For one server: what is to be trusted beyond the system's authorities, and the client's own certificate.
struct ServerTrust: Equatable, Sendable {
    /// Certificates of authorities as PEM; nil where the system's alone count.
    var authorities: [UInt8]?
    /// Paths of a certificate and its key, PEM.
    var certificate: String?
    var key: String?
}

struct TrustFiles: Equatable, Sendable {
    /// Folders with one folder for each HOST[:PORT], best first.
    private let folders: [String]
    /// The system's authorities, where the user names others.
    let bundle: String?
    let bundleFolder: String?

    /// Where Debian, and then other distributions, keep the system's authorities.
    private static let bundles = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem",
    ]

    init(_ folders: SettingFolders) {
        self.folders =
            [folders.configuration.map { $0 + "/certs.d" }].compactMap { $0 } + [
                folders.root + "/etc/containers/certs.d", folders.root + "/etc/docker/certs.d",
            ]
        func value(_ name: String) -> String? { folders.environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        bundle = value("SSL_CERT_FILE")
        bundleFolder = value("SSL_CERT_DIR")
    }

    /// All that may be read for a server.
    var places: [String] { folders + [bundle, bundleFolder].compactMap { $0 } }

    /// - Parameter server: HOST[:PORT], as the registry's name has it.
    /// - Throws: `unreadable`, `badConfiguration` for a certificate without its key.
    func trust(for server: String) throws(RegistryError) -> ServerTrust {
        for folder in folders {
            let own = "\(folder)/\(server)"
            let names: [String]
            do throws(Errno) { names = try Descriptor.open(own, [.readOnly, .directory]).names().sorted() } catch {
                if error == .noEntry || error == .notDirectory { continue }
                throw .unreadable(file: own, error)
            }
            return try trust(own, names)
        }
        return ServerTrust()
    }

    private func trust(_ folder: String, _ names: [String]) throws(RegistryError) -> ServerTrust {
        var trust = ServerTrust()
        let authorities = names.filter { $0.hasSuffix(".crt") }
        // Those of the system go on counting.
        if !authorities.isEmpty { trust.authorities = try systemAuthorities() }
        for name in authorities { trust.authorities? += try read("\(folder)/\(name)") + [10] }
        for name in names {
            let stem = name.prefix(upTo: name.lastIndex(of: ".") ?? name.endIndex)
            if name.hasSuffix(".key"), !names.contains("\(stem).cert") {
                throw .badConfiguration(file: "\(folder)/\(name)", line: nil, "\(stem).cert is missing beside it")
            }
            guard name.hasSuffix(".cert"), trust.certificate == nil else { continue }
            guard names.contains("\(stem).key") else {
                throw .badConfiguration(file: "\(folder)/\(name)", line: nil, "\(stem).key is missing beside it")
            }
            trust.certificate = "\(folder)/\(name)"
            trust.key = "\(folder)/\(stem).key"
        }
        return trust
    }

    private func systemAuthorities() throws(RegistryError) -> [UInt8] {
        if let bundle { return try read(bundle) + [10] }
        guard let found = Self.bundles.first(where: { Files.isAccessible($0, 4) }) else { return [] }
        return try read(found) + [10]
    }

    private func read(_ file: String) throws(RegistryError) -> [UInt8] {
        do { return try Files.read(file) } catch { throw .unreadable(file: file, error) }
    }
}
