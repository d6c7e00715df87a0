// One repository of one registry (OCI distribution specification): finding the scheme, being let in, trying again.

import CCurl
import Foundation
import ImageFormat
import LinuxSystem
public import SandboxPolicy
import Synchronization

/// What a pull or push tells while it goes on. Sizes in bytes.
public enum RegistryEvent: Equatable, Sendable {
    /// So much of a blob has been received or sent so far.
    case progress(Digest, Int64)
    /// The registry has this blob already.
    case present(Digest)
    /// A failure that may pass, and the seconds until the next try.
    case retrying(String, seconds: Double)
}

public typealias RegistryEvents = @Sendable (RegistryEvent) -> Void

/// How one try has failed.
enum AttemptFailure: Error {
    /// It may pass. `after`: seconds that the server asks to wait.
    case passing(RegistryError, after: Double?)
    case final(RegistryError)
    /// What the receiver of a stream has thrown.
    case receiver(any Error)

    var error: RegistryError? {
        switch self {
        case .passing(let error, _), .final(let error): error
        case .receiver: nil
        }
    }
}

/// What is asked of a registry.
struct Call: Sendable {
    enum Target: Sendable {
        /// Below `/v2/REPOSITORY/`.
        case path(String)
        case address(Address)
    }

    var method: Request.Method
    var target: Target
    var fields: [(name: String, value: String)] = []
    var body = RequestBody.none
    var progress: (@Sendable (Int64) -> Void)?
    /// Statuses that are answers and no errors.
    var allowed: Set<Int> = []

    init(_ method: Request.Method, _ path: String) {
        self.method = method
        target = .path(path)
    }

    init(_ method: Request.Method, _ address: Address) {
        self.method = method
        target = .address(address)
    }

    var isDocument: Bool {
        if case .file = body { false } else { true }
    }
}

final class RegistryClient: Sendable {
    let endpoint: RegistryEndpoint
    /// As messages call it.
    let image: String
    let policy: TransferPolicy
    let events: RegistryEvents
    private let transport: Transport
    private let configuration: RegistryConfiguration
    /// What is to be done there: `pull` or `pull,push`.
    private let actions: String
    private let session = Mutex(Session())

    private struct Session {
        /// Nil until the server has answered once.
        var isEncrypted: Bool?
        var authorization: Authorization?
        var credentials: Credentials?
        var hasLooked = false
    }

    private struct Authorization {
        /// As the `Authorization` field has it.
        let value: String
        /// By `Clock.milliseconds`; nil for one that does not end.
        let end: Int?
        let challenge: Challenge
    }

    init(
        _ endpoint: RegistryEndpoint, image: String, actions: String, configuration: RegistryConfiguration,
        transport: Transport, policy: TransferPolicy, events: @escaping RegistryEvents
    ) {
        self.endpoint = endpoint
        self.image = image
        self.actions = actions
        self.configuration = configuration
        self.transport = transport
        self.policy = policy
        self.events = events
    }

    /// Makes a call until it succeeds, or fails for good.
    func send(_ call: Call, _ reception: Reception = .kept(limit: 64 << 10)) throws(RegistryError) -> Response {
        var retries = Retries(policy, events)
        while true {
            do throws(AttemptFailure) { return try attempt(call, reception) } catch {
                guard try retries.wait(after: error) else {
                    preconditionFailure("a receiver of documents does not throw")
                }
            }
        }
    }

    /// Makes a call once, with what it needs to be let in.
    func attempt(_ call: Call, _ reception: Reception) throws(AttemptFailure) -> Response {
        var hasAuthenticated = false
        while true {
            let authorization = try currentAuthorization()
            let response = try reach(call, authorization, reception)
            guard response.status == 401, isOwn(response) else { return try judged(response, call) }
            // Another thread may have been let in meanwhile.
            let isOld = session.withLock { $0.authorization?.value != authorization }
            if isOld, !hasAuthenticated {
                hasAuthenticated = true
                continue
            }
            if hasAuthenticated { throw .final(unauthorized(response)) }
            try authenticate(response)
            hasAuthenticated = true
        }
    }

    /// Whether the answer is the registry's and not that of a server it has redirected to.
    private func isOwn(_ response: Response) -> Bool { response.address.server == ownServer(response) }

    private func ownServer(_ response: Response) -> String {
        address("", encrypted: response.address.isEncrypted)?.server ?? endpoint.server
    }

    private func address(_ path: String, encrypted: Bool) -> Address? {
        Address("\(encrypted ? "https" : "http")://\(endpoint.server)/v2/\(endpoint.repository)/\(path)")
    }
}

// MARK: Reaching it

extension RegistryClient {
    /// Sends a call to where the registry is found. TLS is tried first; plain http only where the configuration calls
    /// the registry insecure, or where it is this machine itself, and there is no TLS.
    private func reach(
        _ call: Call, _ authorization: String?, _ reception: Reception
    ) throws(AttemptFailure) -> Response {
        let path: String
        switch call.target {
        case .address(let address): return try transmit(call, to: address, authorization, reception)
        case .path(let text): path = text
        }
        func transmitBelow(encrypted: Bool) throws(AttemptFailure) -> Response {
            guard let address = address(path, encrypted: encrypted) else {
                throw .final(.badAnswer(host: endpoint.server, "it is not the address of a server"))
            }
            let response = try transmit(call, to: address, authorization, reception)
            session.withLock { $0.isEncrypted = encrypted }
            return response
        }
        if let known = session.withLock({ $0.isEncrypted }) { return try transmitBelow(encrypted: known) }
        do throws(AttemptFailure) { return try transmitBelow(encrypted: true) } catch {
            let mayBePlain = endpoint.insecure || RegistryName.isLoopback(endpoint.server)
            switch error.error {
            case .notEncrypted where mayBePlain: return try transmitBelow(encrypted: false)
            // Some servers without TLS only hang up; and one without a port in its name may be at 80 and not at 443.
            case .unreachable where mayBePlain:
                do throws(AttemptFailure) { return try transmitBelow(encrypted: false) } catch { throw error }
            default: throw error
            }
        }
    }

    private func transmit(
        _ call: Call, to address: Address, _ authorization: String?, _ reception: Reception
    ) throws(AttemptFailure) -> Response {
        var request = Request(method: call.method, address: address, fields: call.fields, body: call.body)
        request.progress = call.progress
        // An upload may go to another server, which is not the one the user is known to.
        let own = self.address("", encrypted: address.isEncrypted)
        if let own, address.hasOrigin(of: own) { request.authorization = authorization }
        return try send(request, insecure: endpoint.insecure, reception, isDocument: call.isDocument)
    }

    private func send(
        _ request: Request, insecure: Bool, _ reception: Reception, isDocument: Bool
    ) throws(AttemptFailure) -> Response {
        var isLimited = isDocument
        if case .streamed = reception { isLimited = false }
        do throws(Transport.Failure) {
            return try transport.send(request, insecure: insecure, isDocument: isLimited, reception)
        } catch {
            switch error {
            case .other(let error): throw .final(error)
            case .transfer(let failure, let address): throw attemptFailure(failure, at: address.server)
            }
        }
    }

    private func attemptFailure(_ failure: TransferFailure, at server: String) -> AttemptFailure {
        switch failure {
        case .receiver(let error): .receiver(error)
        case .tooLarge(let limit): .final(.tooLarge(image: image, host: server, most: limit))
        case .longHead: .final(.badAnswer(host: server, "its answer's head does not end"))
        case .file(let errno): .final(.unreadableBlob(path: image, errno))
        case .curl(let code, let reason): Self.attemptFailure(code, reason, at: server)
        }
    }

    private static func attemptFailure(_ code: CURLcode, _ reason: String, at server: String) -> AttemptFailure {
        switch code {
        case CURLE_SSL_CONNECT_ERROR where reason.contains("wrong version number"): .final(.notEncrypted(host: server))
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
            CURLE_SSL_CRL_BADFILE, CURLE_SSL_CIPHER:
            .final(.untrusted(host: server, reason))
        case CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
            CURLE_PARTIAL_FILE, CURLE_SSL_CONNECT_ERROR:
            .passing(.unreachable(host: server, reason), after: nil)
        default: .final(.unreachable(host: server, reason))
        }
    }
}

// MARK: Being let in

extension RegistryClient {
    /// What is to be shown now: nothing, or what is still good of what was got earlier.
    private func currentAuthorization() throws(AttemptFailure) -> String? {
        guard let current = session.withLock({ $0.authorization }) else { return nil }
        if let end = current.end, Clock.milliseconds >= end {
            return try token(current.challenge, isPlain: session.withLock { $0.isEncrypted } == false)
        }
        return current.value
    }

    /// Gets what the registry wants to be shown.
    private func authenticate(_ response: Response) throws(AttemptFailure) {
        let challenges = response.values("www-authenticate").flatMap { Challenge.parse($0) }
        if let bearer = challenges.first(where: { $0.scheme == "bearer" }) {
            _ = try token(bearer, isPlain: !response.address.isEncrypted)
        } else if let basic = challenges.first(where: { $0.scheme == "basic" }) {
            guard let value = try credentials()?.basic else { throw .final(unauthorized(response)) }
            let authorization = Authorization(value: "Basic " + value, end: nil, challenge: basic)
            session.withLock { $0.authorization = authorization }
        } else {
            throw .final(unauthorized(response))
        }
    }

    /// The user's credentials, looked up once and only where they are asked for.
    private func credentials() throws(AttemptFailure) -> Credentials? {
        let (hasLooked, known) = session.withLock { ($0.hasLooked, $0.credentials) }
        if hasLooked { return known }
        do throws(RegistryError) {
            let found = try configuration.credentials.find(
                for: endpoint, helpers: configuration.names.credentialHelpers ?? [])
            session.withLock {
                $0.hasLooked = true
                $0.credentials = found
            }
            return found
        } catch { throw .final(error) }
    }

    private struct TokenAnswer: Decodable {
        var token: String?
        var access_token: String?
        /// Seconds.
        var expires_in: Double?
    }

    /// Gets a token from where the challenge says (distribution's "Token Authentication Specification").
    /// - Parameter isPlain: the registry itself is reached by plain http.
    private func token(_ challenge: Challenge, isPlain: Bool) throws(AttemptFailure) -> String {
        guard let realm = challenge.parameters["realm"].flatMap({ Address($0) }) else {
            throw .final(.badAnswer(host: endpoint.server, "the realm for its tokens is no address of http or https"))
        }
        let credentials = try credentials()
        if credentials != nil, !realm.isEncrypted, !isPlain, !endpoint.insecure {
            throw .final(
                .redirection(
                    host: endpoint.server, "to plain http at \(realm.server) for a token; no credentials go there"))
        }
        guard let request = tokenRequest(realm, challenge, credentials) else {
            throw .final(.badAnswer(host: endpoint.server, "its realm takes no parameters"))
        }
        let insecure = endpoint.insecure && realm.server == endpoint.server
        let response = try send(request, insecure: insecure, .kept(limit: 1 << 20), isDocument: true)
        if response.status == 401 || response.status == 403 || response.status == 400 {
            throw .final(unauthorized(response))
        }
        _ = try judged(response, Call(request.method, realm))
        let answer: TokenAnswer
        do { answer = try JSONDecoder().decode(TokenAnswer.self, from: response.content) } catch {
            throw .final(.badAnswer(host: realm.server, "its answer is not the JSON of a token"))
        }
        // It becomes part of a field: nothing in it may end that.
        guard let token = answer.token ?? answer.access_token, !token.isEmpty,
            token.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { throw .final(.badAnswer(host: realm.server, "its answer has no token")) }
        // 60 seconds where it does not say; a tenth is left for the way.
        let life = min(max(answer.expires_in ?? 60, 1), 86_400) * 900
        let authorization = Authorization(
            value: "Bearer " + token, end: Clock.milliseconds + Int(life), challenge: challenge)
        session.withLock { $0.authorization = authorization }
        return authorization.value
    }

    private func tokenRequest(_ realm: Address, _ challenge: Challenge, _ credentials: Credentials?) -> Request? {
        var parameters: [(name: String, value: String)] = []
        if let service = challenge.parameters["service"] { parameters.append(("service", service)) }
        let own = "repository:\(endpoint.repository):\(actions)"
        switch credentials?.proof {
        case .identityToken(let token):
            parameters += [
                ("scope", own), ("grant_type", "refresh_token"), ("client_id", "sandbox"), ("refresh_token", token),
            ]
            return Request(
                method: .post, address: realm, fields: [("Content-Type", "application/x-www-form-urlencoded")],
                body: .bytes(Data(encodedForm(parameters).utf8)))
        case .password, nil:
            let scope = challenge.parameters["scope"]
            parameters.append(("scope", own))
            // A scope of the registry's own making is asked for too.
            if let scope, !scope.hasPrefix("repository:\(endpoint.repository):") { parameters.append(("scope", scope)) }
            guard let address = realm.adding(parameters) else { return nil }
            var request = Request(method: .get, address: address)
            request.authorization = credentials?.basic.map { "Basic " + $0 }
            return request
        }
    }
}

// MARK: Judging answers

extension RegistryClient {
    /// The answer, where it is one.
    func judged(_ response: Response, _ call: Call) throws(AttemptFailure) -> Response {
        if response.isSuccess || call.allowed.contains(response.status) { return response }
        let host = response.address.server
        let refused = RegistryError.refused(image: image, host: host, status: response.status, said: said(response))
        switch response.status {
        case 401 where isOwn(response), 403 where isOwn(response): throw .final(unauthorized(response))
        // Where a redirection leads, a signature in the address may have become too old.
        case 401, 403: throw .passing(refused, after: nil)
        case 404: throw .final(.notFound(image: image, host: host, said: said(response)))
        case 408, 429, 500...599: throw .passing(refused, after: response["retry-after"].flatMap(Self.seconds))
        default: throw .final(refused)
        }
    }

    /// Seconds that a `Retry-After` asks for: a number, or a date (RFC 9110, section 10.2.3).
    static func seconds(_ value: String) -> Double? {
        if let number = Double(value), number >= 0 { return number }
        let date = curl_getdate(value, nil)
        return date < 0 ? nil : max(0, Double(date) - Date().timeIntervalSince1970)
    }

    private func unauthorized(_ response: Response) -> RegistryError {
        let source = session.withLock { $0.credentials?.source }
        return .unauthorized(
            image: image, host: endpoint.host, said: said(response), credentials: source,
            looked: configuration.credentials.looked)
    }

    private struct Reasons: Decodable {
        var errors: [Reason]?
        /// What servers for tokens say.
        var details: String?
        var message: String?

        struct Reason: Decodable {
            var code: String?
            var message: String?
        }
    }

    /// The reason in an error's body (OCI distribution specification, "Error Codes"), without our own secrets in it.
    func said(_ response: Response) -> String {
        var text: String
        do {
            let reasons = try JSONDecoder().decode(Reasons.self, from: response.content)
            text = (reasons.errors ?? []).map { reason in
                [reason.code, reason.message].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: ": ")
            }.joined(separator: "; ")
            if text.isEmpty { text = reasons.details ?? reasons.message ?? "" }
        } catch {
            let isText = response["content-type"]?.hasPrefix("text/plain") ?? false
            text = isText ? String(decoding: response.content.prefix(1000), as: UTF8.self) : ""
        }
        let secrets = session.withLock { session in
            (session.credentials?.secrets ?? []) + [session.authorization?.value.split(separator: " ").last.map(String.init)]
                .compactMap { $0 }
        }
        for secret in secrets where !secret.isEmpty { text = text.replacingOccurrences(of: secret, with: "…") }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// How often something is still tried, and how long it is waited before.
struct Retries {
    private let policy: TransferPolicy
    private let events: RegistryEvents
    private var made = 0

    init(_ policy: TransferPolicy, _ events: @escaping RegistryEvents) {
        self.policy = policy
        self.events = events
    }

    /// There was progress: the count begins anew.
    mutating func reset() { made = 0 }

    /// Waits before the next try: twice as long as before the last, and at a random moment, so that those whom one
    /// failure has hit don't all come back at once.
    /// - Returns: false for a failure that is the receiver's own.
    /// - Throws: the failure, where there is no next try.
    mutating func wait(after failure: AttemptFailure) throws(RegistryError) -> Bool {
        switch failure {
        case .receiver: return false
        case .final(let error): throw error
        case .passing(let error, let asked):
            guard made < policy.retries else { throw error }
            let delay = policy.firstDelay * Double(1 << made) * Double.random(in: 0.5...1)
            let seconds = min(max(delay, asked ?? 0), policy.longestDelay)
            made += 1
            events(.retrying(error.description, seconds: seconds))
            Thread.sleep(forTimeInterval: seconds)
            return true
        }
    }
}
