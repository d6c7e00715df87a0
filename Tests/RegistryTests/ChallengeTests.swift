import CCurl
import Testing

@testable import Registry

@Suite struct ChallengeTests {
    @Test(arguments: [
        ("Basic realm=\"x\"", [Challenge(scheme: "basic", parameters: ["realm": "x"])]),
        (
            #"Bearer realm="https://a.local/t?x=1,2",service="a \"b\" \\ c", scope="repository:x/y:pull,push""#,
            [
                Challenge(
                    scheme: "bearer",
                    parameters: [
                        "realm": "https://a.local/t?x=1,2", "service": "a \"b\" \\ c",
                        "scope": "repository:x/y:pull,push",
                    ])
            ]
        ),
        (
            "BASIC realm = x, Bearer Realm=\"y\" , service=z",
            [
                Challenge(scheme: "basic", parameters: ["realm": "x"]),
                Challenge(scheme: "bearer", parameters: ["realm": "y", "service": "z"]),
            ]
        ),
        ("Negotiate", [Challenge(scheme: "negotiate")]), ("", []), ("realm=\"x\"", []),
        ("Bearer realm=\"x", [Challenge(scheme: "bearer")]),
        ("Bearer realm=\"x\",realm=\"y\"", [Challenge(scheme: "bearer", parameters: ["realm": "x"])]),
    ])
    func challengesAreReadByTheirGrammar(_ value: String, _ expected: [Challenge]) {
        #expect(Challenge.parse(value) == expected)
    }

    @Test(arguments: [
        ("HTTPS://A.local", "https://a.local/", "a.local"), ("http://a.local:80/x", "http://a.local:80/x", "a.local"),
        ("https://a.local:8443/x?y", "https://a.local:8443/x?y", "a.local:8443"),
        ("http://[::1]:5000/", "http://[::1]:5000/", "[::1]:5000"),
    ])
    func addressesAreTakenApart(_ text: String, _ whole: String, _ server: String) throws {
        let address = try #require(Address(text))
        #expect(address.text.lowercased() == whole)
        #expect(address.server == server)
    }

    @Test(arguments: ["ftp://a.local/", "file:///etc/passwd", "https://user:pw@a.local/", "/x", "", "https://"])
    func whatIsNoAddressIsRefused(_ text: String) { #expect(Address(text) == nil) }

    @Test(arguments: [
        ("/x", "https://a.local/x"), ("x?y=1", "https://a.local/v2/x?y=1"), ("//b.local/x", "https://b.local/x"),
        ("http://c.local/", "http://c.local/"), ("file:///etc/passwd", nil), ("https://u:p@b.local/", nil),
    ])
    func locationsAreResolved(_ location: String, _ expected: String?) throws {
        let base = try #require(Address("https://a.local/v2/blobs"))
        #expect(base.resolving(location)?.text == expected)
    }

    @Test func parametersAreAppended() throws {
        let address = try #require(Address("https://a.local/t?x=1"))
        #expect(address.adding([("scope", "a:b/c&d")])?.text == "https://a.local/t?x=1&scope=a%3Ab%2Fc%26d")
        #expect(encodedForm([("a", "x y&"), ("b", "é")]) == "a=x%20y%26&b=%C3%A9")
    }

    @Test(arguments: [("3", 3), ("0", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("-1", nil), ("soon", nil)])
    func theWaitThatAServerAsksForIsRead(_ value: String, _ seconds: Double?) {
        #expect(RegistryClient.seconds(value) == seconds)
    }

    @Test(arguments: [
        (CURLE_RECV_ERROR, "tlsv13 alert certificate required", RegistryError.wantsCertificate(host: "a.local"), false),
        (CURLE_SSL_CONNECT_ERROR, "sslv3 alert bad certificate", .wantsCertificate(host: "a.local"), false),
        (CURLE_SSL_CONNECT_ERROR, "wrong version number", .notEncrypted(host: "a.local"), false),
        (
            CURLE_SSL_CONNECT_ERROR, "alert protocol version", .unreachable(host: "a.local", "alert protocol version"),
            false
        ),
        (CURLE_SSL_CONNECT_ERROR, "reset", .unreachable(host: "a.local", "reset"), true),
        (CURLE_PEER_FAILED_VERIFICATION, "expired", .untrusted(host: "a.local", "expired"), false),
        (CURLE_COULDNT_RESOLVE_HOST, "no such host", .unreachable(host: "a.local", "no such host"), false),
        (CURLE_COULDNT_CONNECT, "refused", .unreachable(host: "a.local", "refused"), true),
    ])
    func failuresOfConnectionsAreToldApart(
        _ code: CURLcode, _ reason: String, _ expected: RegistryError, _ mayPass: Bool
    ) {
        let failure = RegistryClient.attemptFailure(code, reason, at: "a.local")
        #expect(failure.error == expected)
        var passes = false
        if case .passing = failure { passes = true }
        #expect(passes == mayPass)
    }
}
