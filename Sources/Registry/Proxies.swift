// Which proxy a request takes, as curl(1) has it ("Environment"), without asking this process's own environment.

/// Host names of this machine are reached without one, as other programs for images do it.
struct Proxies: Equatable, Sendable {
    private let plain: String
    private let encrypted: String
    /// Names that are reached directly, as CURLOPT_NOPROXY(3) reads them.
    let except: String

    init(_ environment: [String: String]) {
        func value(_ names: String...) -> String? {
            names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        let all = value("all_proxy", "ALL_PROXY") ?? ""
        plain = value("http_proxy", "HTTP_PROXY") ?? all
        encrypted = value("https_proxy", "HTTPS_PROXY") ?? all
        except = value("no_proxy", "NO_PROXY") ?? ""
    }

    /// The proxy's address, which may hold a password; empty for none.
    func proxy(for address: Address) -> String {
        if RegistryName.isLoopback(address.host) { return "" }
        return address.isEncrypted ? encrypted : plain
    }
}
