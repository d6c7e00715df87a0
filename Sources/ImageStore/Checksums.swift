// Sums over a stream: what names a layer.

import CCrypto

/// SHA-256 (FIPS 180-4) of bytes given piece by piece.
final class ContentDigest {
    private let context: OpaquePointer?

    init() {
        context = EVP_MD_CTX_new()
        precondition(context != nil && EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1, "no SHA-256 in libcrypto")
    }

    deinit { EVP_MD_CTX_free(context) }

    func add(_ bytes: UnsafeRawBufferPointer) { EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) }

    /// `sha256:` and 64 hexadecimal digits; to be asked for once.
    func finish() -> String {
        var sum = [UInt8](repeating: 0, count: 32)
        EVP_DigestFinal_ex(context, &sum, nil)
        return "sha256:" + sum.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
