// Being let in: basic credentials, and tokens (distribution's "Token Authentication Specification").

import Foundation
import LinuxSystem

/// What a client has found out about its registry, for all threads.
struct Session {
    /// Nil until the server has answered once.
    var isEncrypted: Bool?
    var authorization: Authorization?
    var credentials: Credentials?
    var hasLooked = false
}

/// What is shown to a registry.
struct Authorization {
    /// As the `Authorization` field has it.
    let value: String
    /// By `Clock.milliseconds`; nil for one that does not end.
    let end: Int?
    let challenge: Challenge
}

extension RegistryClient {
    /// What is to be shown now: nothing, or what is still good of what was got earlier.
    func currentAuthorization() throws(AttemptFailure) -> String? {
        guard let current = session.withLock({ $0.authorization }) else { return nil }
        if let end = current.end, Clock.milliseconds >= end {
            return try token(current.challenge, isPlain: session.withLock { $0.isEncrypted } == false)
        }
        return current.value
    }

    /// Gets what the registry wants to be shown.
    func authenticate(_ response: Response) throws(AttemptFailure) {
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

    /// The user's credentials, only where they are asked for. Any user of this machine may listen on its loopback, where
    /// plain http is tried by itself: what is sent in the clear has to be allowed by name.
    private func credentials() throws(AttemptFailure) -> Credentials? {
        let found = try knownCredentials()
        if let found, session.withLock({ $0.isEncrypted }) == false, !endpoint.insecure {
            throw .final(.openCredentials(host: endpoint.server, source: found.source))
        }
        return found
    }

    /// Looked up once.
    private func knownCredentials() throws(AttemptFailure) -> Credentials? {
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
        // Also without credentials: a registry must not send us about in the network that this machine is in.
        let isOpen = isPlain || endpoint.insecure
        if !realm.isEncrypted, !isOpen || (credentials != nil && realm.server != endpoint.server) {
            throw .final(
                .redirection(
                    host: endpoint.server, "to plain http at \(realm.server) for a token; no credentials go there"))
        }
        guard let request = tokenRequest(realm, challenge, credentials) else {
            throw .final(.badAnswer(host: endpoint.server, "its realm takes no parameters"))
        }
        let insecure = endpoint.insecure && realm.server == endpoint.server
        let response = try exchange(request, insecure: insecure, .kept(limit: 1 << 20), isDocument: true)
        switch response.status {
        case 200..<300: break
        case 400, 401, 403: throw .final(unauthorized(response))
        case 408, 429, 500...599: _ = try judged(response, Call(request.method, realm))
        default:
            throw .final(.badAnswer(host: realm.server, "status \(response.status) where a token was asked for"))
        }
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
