// Requests to any server: handles that are kept, redirections that are followed with care.

import Foundation
import LinuxSystem
import Synchronization

/// Makes exchanges for all threads of one pull or push.
final class Transport: Sendable {
    private let configuration: RegistryConfiguration
    private let policy: TransferPolicy
    /// Handles that no thread uses now, with their open connections.
    private let idle = Mutex<[EasyHandle]>([])
    private let trusted = Mutex<[String: ServerTrust]>([:])

    private static let redirectionLimit = 10

    init(_ configuration: RegistryConfiguration, _ policy: TransferPolicy) {
        self.configuration = configuration
        self.policy = policy
    }

    enum Failure: Error {
        case transfer(TransferFailure, Address)
        case other(RegistryError)
    }

    /// Sends a request and follows where it is redirected (RFC 9110, section 15.4): GET and HEAD always, what has a
    /// body by 307 and 308 only. `Authorization` goes to the first origin alone, and nothing goes from https to http.
    /// - Parameters:
    ///   - insecure: whether the first server may be.
    ///   - isDocument: the whole exchange has a limit of time.
    func send(
        _ request: Request, insecure: Bool, isDocument: Bool, _ reception: Reception
    ) throws(Failure) -> Response {
        let first = request.address
        var request = request
        var visited = [first]
        let authorization = request.authorization
        while true {
            let response = try exchange(
                request, insecure: insecure && request.address.server == first.server, isDocument, reception)
            guard Self.isRedirection(response.status, request.method), let location = response["location"] else {
                return response
            }
            func refused(_ why: String) -> Failure {
                .other(.redirection(host: request.address.server, why))
            }
            guard let next = request.address.resolving(location) else {
                throw refused("to something that is not an address of http or https")
            }
            if request.address.isEncrypted, !next.isEncrypted {
                throw refused("from https to plain http at \(next.server), which is not followed")
            }
            if case .bytes = request.body, !next.hasOrigin(of: first) {
                throw refused("to \(next.server) with what it was sent, which may be a secret")
            }
            if visited.contains(next) { throw refused("in a circle over \(next.server)") }
            if visited.count > Self.redirectionLimit { throw refused("more than \(Self.redirectionLimit) times") }
            visited.append(next)
            request.address = next
            request.authorization = next.hasOrigin(of: first) ? authorization : nil
        }
    }

    private static func isRedirection(_ status: Int, _ method: Request.Method) -> Bool {
        switch status {
        case 307, 308: true
        case 301, 302, 303: method == .get || method == .head
        default: false
        }
    }

    private func exchange(
        _ request: Request, insecure: Bool, _ isDocument: Bool, _ reception: Reception
    ) throws(Failure) -> Response {
        let address = request.address
        let settings: ConnectionSettings
        do throws(RegistryError) {
            settings = ConnectionSettings(
                insecure: insecure || configuration.isInsecure(server: address.server),
                trust: address.isEncrypted ? try trust(for: address.server) : ServerTrust(),
                bundle: configuration.trust.bundle, bundleFolder: configuration.trust.bundleFolder,
                proxy: configuration.proxies.proxy(for: address), noProxy: configuration.proxies.except,
                connectLimit: policy.connectLimit, stallLimit: policy.stallLimit,
                wholeLimit: isDocument ? policy.documentLimit : nil)
        } catch { throw .other(error) }
        let handle = idle.withLock { $0.popLast() } ?? EasyHandle()
        defer { idle.withLock { $0.append(handle) } }
        do throws(TransferFailure) { return try handle.perform(request, settings, reception) } catch {
            throw .transfer(error, address)
        }
    }

    private func trust(for server: String) throws(RegistryError) -> ServerTrust {
        if let known = trusted.withLock({ $0[server] }) { return known }
        let found = try configuration.trust.trust(for: server)
        trusted.withLock { $0[server] = found }
        return found
    }
}
