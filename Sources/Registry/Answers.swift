// What a registry's answer means, and what of its reason is shown.

import CCurl
import Foundation

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

    func unauthorized(_ response: Response) -> RegistryError {
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
            (session.credentials?.secrets ?? [])
                + [session.authorization?.value.split(separator: " ").last.map(String.init)]
                .compactMap { $0 }
        }
        for secret in secrets where !secret.isEmpty { text = text.replacingOccurrences(of: secret, with: "…") }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
