// What names a blob: the SHA-256 of its bytes.

import CCrypto
import Foundation
import SandboxPolicy

/// SHA-256 (FIPS 180-4) of bytes given piece by piece.
final class ContentSum {
    private let context: OpaquePointer?

    init() {
        context = EVP_MD_CTX_new()
        precondition(context != nil && EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1, "no SHA-256 in libcrypto")
    }

    deinit { EVP_MD_CTX_free(context) }

    func add(_ bytes: UnsafeRawBufferPointer) { EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) }

    /// To be asked for once.
    func finish() -> Digest {
        var sum = [UInt8](repeating: 0, count: 32)
        EVP_DigestFinal_ex(context, &sum, nil)
        let hex = sum.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        guard let digest = Digest(hex: hex) else { preconditionFailure("32 bytes are 64 digits") }
        return digest
    }

    static func of(_ bytes: Data) -> Digest {
        let sum = ContentSum()
        bytes.withUnsafeBytes { sum.add($0) }
        return sum.finish()
    }
}
