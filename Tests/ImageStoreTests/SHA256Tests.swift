// The launcher's SHA-256 beside published vectors and beside the library's.

import Checksums
import Foundation
import SandboxPolicy
import Testing

struct SHA256Tests {
    /// FIPS 180-4's examples, and those of NIST's "Cryptographic Standards and Guidelines".
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
        (String(repeating: "a", count: 100_000), "6d1cf22d7cc09b085dfc25ee1a1f3ae0265804c607bc2074ad253bcc82fd81ee"),
    ])
    func publishedVectors(_ text: String, _ sum: String) {
        #expect(SHA256.hexadecimal(of: Array(text.utf8)) == sum)
    }

    @Test func everyLengthSumsAsWithTheLibrary() {
        var bytes: [UInt8] = []
        var state: UInt32 = 1
        for length in 0..<400 {
            #expect(SHA256.hexadecimal(of: bytes) == ContentDigest.of(Data(bytes)).hex, "\(length)")
            state = state &* 1_664_525 &+ 1_013_904_223
            bytes.append(UInt8(truncatingIfNeeded: state >> 24))
        }
    }
}
