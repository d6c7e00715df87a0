// Addresses of the web as libcurl itself reads them: two readers of one text might disagree on whose host it names.

import CCurl

/// An absolute address of http or https, without a user in it (RFC 3986).
struct Address: Hashable, Sendable {
    let text: String
    let isEncrypted: Bool
    /// With brackets around an IPv6 address.
    let host: String
    let port: String

    /// - Returns: nil where `text` is no such address.
    init?(_ text: String) { self.init(text, from: nil) }

    /// The address that a `Location` here means (RFC 9110, section 10.2.2).
    func resolving(_ location: String) -> Address? { Address(location, from: self) }

    private init?(_ text: String, from base: Address?) {
        guard let parts = curl_url() else { preconditionFailure("no memory") }
        defer { curl_url_cleanup(parts) }
        if let base, curl_url_set(parts, CURLUPART_URL, base.text, 0) != CURLUE_OK { return nil }
        let flags = UInt32(CURLU_DISALLOW_USER | CURLU_URLENCODE)
        guard curl_url_set(parts, CURLUPART_URL, text, flags) == CURLUE_OK else { return nil }
        func part(_ what: CURLUPart, _ flags: Int32 = 0) -> String? {
            var found: UnsafeMutablePointer<CChar>?
            guard curl_url_get(parts, what, &found, UInt32(flags)) == CURLUE_OK, let found else { return nil }
            defer { curl_free(found) }
            return String(cString: found)
        }
        guard let scheme = part(CURLUPART_SCHEME), scheme == "https" || scheme == "http",
            let host = part(CURLUPART_HOST), let port = part(CURLUPART_PORT, CURLU_DEFAULT_PORT),
            let whole = part(CURLUPART_URL)
        else { return nil }
        isEncrypted = scheme == "https"
        self.text = whole
        self.host = host.lowercased()
        self.port = port
    }

    /// HOST[:PORT] as names of registries have it: without the scheme's own port.
    var server: String { port == (isEncrypted ? "443" : "80") ? host : "\(host):\(port)" }

    /// Whether what is secret at one is secret at the other.
    func hasOrigin(of other: Address) -> Bool {
        isEncrypted == other.isEncrypted && host == other.host && port == other.port
    }

    /// With these behind what it asks for already, and without a fragment, which no server sees.
    func adding(_ parameters: [(name: String, value: String)]) -> Address? {
        let whole = text.prefix { $0 != "#" }
        return Address("\(whole)\(whole.contains("?") ? "&" : "?")\(encodedForm(parameters))")
    }
}

/// `NAME=VALUE` joined by `&`, as addresses and `application/x-www-form-urlencoded` have them; values are written as
/// RFC 3986, section 2.1 wants it.
func encodedForm(_ fields: [(name: String, value: String)]) -> String {
    fields.map { "\($0.name)=\(percentEncoded($0.value))" }.joined(separator: "&")
}

private func percentEncoded(_ text: String) -> String {
    text.utf8.map { byte in
        switch byte {
        case 48...57, 65...90, 97...122, 45, 46, 95, 126: String(UnicodeScalar(byte))
        default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
    }.joined()
}
