// What names a blob: the SHA-256 of its bytes.

import CCrypto
public import Foundation
public import SandboxPolicy

/// SHA-256 (FIPS 180-4) of bytes given piece by piece.
public final class ContentDigest {
    private let context: OpaquePointer?

    public init() {
        context = EVP_MD_CTX_new()
        precondition(context != nil && EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1, "no SHA-256 in libcrypto")
    }

    deinit { EVP_MD_CTX_free(context) }

    public func add(_ bytes: UnsafeRawBufferPointer) { EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) }

    /// To be asked for once.
    public func finish() -> Digest {
        var sum = [UInt8](repeating: 0, count: 32)
        EVP_DigestFinal_ex(context, &sum, nil)
        guard let digest = Digest(hex: sum.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()) else {
            preconditionFailure("32 bytes are 64 digits")
        }
        return digest
    }

    public static func of(_ bytes: Data) -> Digest {
        let digest = ContentDigest()
        bytes.withUnsafeBytes { digest.add($0) }
        return digest.finish()
    }
}
