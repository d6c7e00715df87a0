// Everything that can go wrong between here and a registry, and its one sentence each.

public import LinuxSystem
public import SandboxPolicy

public enum RegistryError: Error, Equatable, Sendable {
    /// A file of settings says something that can't be. Lines count from 1; nil where the format has none to name.
    case badConfiguration(file: String, line: Int?, String)
    case unreadable(file: String, Errno)
    /// - Parameter file: that says so.
    case blocked(name: String, file: String)
    /// A short name, several registries to look in, and a configuration that forbids to try them in turn.
    case ambiguous(name: String, registries: [String])
    /// A program that keeps credentials gave none.
    case credentialHelper(program: String, String)
    case unreachable(host: String, String)
    /// The encrypted connection was refused by this side.
    case untrusted(host: String, String)
    /// The server wants to know who this side is.
    case wantsCertificate(host: String)
    /// There is no TLS, and nothing allows to go without.
    case notEncrypted(host: String)
    /// - Parameters:
    ///   - credentials: where those that were sent came from; nil where none were found.
    ///   - looked: the files that were looked in.
    case unauthorized(image: String, host: String, said: String, credentials: String?, looked: [String])
    /// The user's credentials would go there in the clear.
    case openCredentials(host: String, source: String)
    case notFound(image: String, host: String, said: String)
    /// Any other answer that is not a success.
    case refused(image: String, host: String, status: Int, said: String)
    /// A redirection that is not followed, and why.
    case redirection(host: String, String)
    /// The registry does not keep to the protocol.
    case badAnswer(host: String, String)
    /// A document of more than `most` bytes.
    case tooLarge(image: String, host: String, most: Int)
    case blobTooLong(Digest, size: Int64, host: String)
    case blobTooShort(Digest, got: Int64, size: Int64, host: String)
    case wrongDigest(image: String, host: String, named: String)
    /// A file that was to be sent can't be read.
    case unreadableBlob(path: String, Errno)
    /// A file that was to be sent has not the size its descriptor says.
    case changedBlob(path: String, size: Int64)
    /// No place that the image may come from has it: what each of them gave.
    case nowhere(image: String, [RegistryError])
}

extension RegistryError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .badConfiguration(let file, let line, let what):
            "\(escaped(file))\(line.map { ":\($0)" } ?? ""): \(what)"
        case .unreadable(let file, let errno): "\(quoted(file)) can't be read: \(errno)"
        case .blocked(let name, let file): "\(quoted(name)) is blocked by \(escaped(file))"
        case .ambiguous(let name, let registries):
            "\(quoted(name)) may come from \(registries.map { escaped($0) }.joined(separator: " or ")); "
                + "write the registry before it, or an alias into registries.conf"
        case .credentialHelper(let program, let what): "credential helper \(quoted(program)): \(what)"
        case .unreachable(let host, let reason):
            "\(escaped(host)) can't be reached: \(shown(reason)); is the name right, and does it need a proxy?"
        case .untrusted(let host, let reason):
            "\(escaped(host)) is not trusted: \(shown(reason)); put the certificate of its authority into "
                + "~/.config/containers/certs.d/\(escaped(host))/ca.crt, or set insecure = true for it in "
                + "registries.conf"
        case .wantsCertificate(let host):
            "\(escaped(host)) wants a client's certificate; put it and its key into "
                + "~/.config/containers/certs.d/\(escaped(host))/ as client.cert and client.key"
        case .notEncrypted(let host):
            "\(escaped(host)) speaks no TLS; insecure = true for it in registries.conf allows plain http"
        case .openCredentials(let host, let source):
            "\(escaped(host)) speaks no TLS and wants credentials: those of \(escaped(source)) are not sent in the clear; "
                + "insecure = true for it in registries.conf allows that"
        case .unauthorized(let image, let host, let said, let credentials, let looked):
            Self.unauthorized(image, host, said, credentials, looked)
        case .notFound(let image, let host, let said):
            "registry \(escaped(host)) has no \(quoted(image))\(Self.saying(said)); "
                + "is the name right, and does it need a login?"
        case .refused(let image, let host, let status, let said):
            "registry \(escaped(host)) refuses \(quoted(image)) with status \(status)\(Self.saying(said))"
                + (status == 429 ? "; a login may allow more, or try again later" : "")
        case .redirection(let host, let why): "registry \(escaped(host)) redirects \(shown(why))"
        case .badAnswer(let host, let what): "registry \(escaped(host)) does not keep to the protocol: \(shown(what))"
        case .tooLarge(let image, let host, let most):
            "registry \(escaped(host)) sends a document of more than \(most) bytes for \(quoted(image)); "
                + "no manifest or config is that large"
        case .blobTooLong(let digest, let size, let host):
            "registry \(escaped(host)) sends more than the \(size) bytes of blob \(digest)"
        case .blobTooShort(let digest, let got, let size, let host):
            "registry \(escaped(host)) sends only \(got) of the \(size) bytes of blob \(digest)"
        case .wrongDigest(let image, let host, let named):
            "registry \(escaped(host)) names \(quoted(image)) \(quoted(String(named.prefix(100)))), another digest"
        case .unreadableBlob(let path, let errno): "\(quoted(path)) can't be sent: \(errno)"
        case .changedBlob(let path, let size): "\(quoted(path)) can't be sent: it has not the \(size) bytes it should"
        case .nowhere(let image, let errors):
            "\(quoted(image)) is nowhere to be had: \(errors.map(\.description).joined(separator: " | "))"
        }
    }

    private static func saying(_ said: String) -> String { said.isEmpty ? "" : " (it says: \(shown(said)))" }

    private static func unauthorized(
        _ image: String, _ host: String, _ said: String, _ credentials: String?, _ looked: [String]
    ) -> String {
        if let credentials {
            return "registry \(escaped(host)) does not let the credentials of \(escaped(credentials)) at "
                + "\(quoted(image))\(saying(said)); `podman login \(escaped(host))` or `docker login` writes others"
        }
        return "registry \(escaped(host)) has no \(quoted(image)), or wants credentials for it\(saying(said)); "
            + "`podman login \(escaped(host))` or `docker login` writes them, and they are read from "
            + looked.map { escaped($0) }.joined(separator: " or ")
    }
}

/// Text from outside as messages show it: nothing a terminal acts on, and not more than 200 characters.
func shown(_ text: String) -> String {
    text.count > 200 ? escaped(String(text.prefix(200))) + "…" : escaped(text)
}
