// Sums over a stream: what names a layer, and what the end of a gzip file promises.

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

/// The CRC of RFC 1952, section 8. libarchive does not compare it.
struct GzipSum {
    private var register: UInt32 = 0xffff_ffff
    private let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xedb8_8320 ^ (value >> 1) : value >> 1 }
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var sum = register
        table.withUnsafeBufferPointer { table in
            for byte in bytes { sum = table[Int((sum ^ UInt32(byte)) & 0xff)] ^ (sum >> 8) }
        }
        register = sum
    }

    var value: UInt32 { ~register }
}
