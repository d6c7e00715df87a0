// One repository of one registry (OCI distribution specification): finding it, and making calls until they succeed.

import CCurl
import Foundation
import Synchronization

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
    let configuration: RegistryConfiguration
    /// What is to be done there: `pull` or `pull,push`.
    let actions: String
    let session = Mutex(Session())

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
            do throws(AttemptFailure) { return try attempt(call, reception) } catch { try retries.wait(after: error) }
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
    func isOwn(_ response: Response) -> Bool { response.address.server == ownServer(response) }

    private func ownServer(_ response: Response) -> String {
        address("", encrypted: response.address.isEncrypted)?.server ?? endpoint.server
    }

    private func address(_ path: String, encrypted: Bool) -> Address? {
        Address("\(encrypted ? "https" : "http")://\(endpoint.server)/v2/\(endpoint.repository)/\(path)")
    }
}

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
        return try exchange(request, insecure: endpoint.insecure, reception, isDocument: call.isDocument)
    }

    func exchange(
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
        case .file(let path, let errno): .final(.unreadableBlob(path: path, errno))
        case .curl(let code, let reason): Self.attemptFailure(code, reason, at: server)
        }
    }

    static func attemptFailure(_ code: CURLcode, _ reason: String, at server: String) -> AttemptFailure {
        switch code {
        case CURLE_SSL_CONNECT_ERROR where reason.contains("wrong version number"): .final(.notEncrypted(host: server))
        case CURLE_SSL_CONNECT_ERROR where reason.contains("alert"),
            CURLE_RECV_ERROR where reason.contains("alert certificate"):
            .final(
                reason.contains("certificate")
                    ? .wantsCertificate(host: server) : .unreachable(host: server, reason))
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
