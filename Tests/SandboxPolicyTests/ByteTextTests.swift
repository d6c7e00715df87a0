// Any bytes become text and the same bytes again.

import ByteText
import SandboxPolicy
import Testing

struct ByteTextTests {
    private func check(_ bytes: [UInt8]) {
        let text = ByteText.text(bytes)
        #expect(ByteText.bytes(text) == bytes)
        #expect(ByteText.text(ByteText.bytes(text)) == text)
        #expect(ByteText.cString(text) == bytes.map { CChar(bitPattern: $0) } + [0])
        // A slash is a Character wherever there is one, and none where there is none.
        #expect(text.count { $0 == "/" } == bytes.count { $0 == UInt8(ascii: "/") })
        #expect(("/" + text).hasPrefix("/") && (text + "/").hasSuffix("/"))
    }

    @Test func allBytesComeBackAsTheyWere() {
        check([])
        for a in UInt8.min...UInt8.max {
            check([a])
            for b in UInt8.min...UInt8.max { check([a, b]) }
        }
    }

    @Test func anyBytesComeBackAsTheyWere() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            check((0..<Int.random(in: 0...20, using: &generator)).map { _ in .random(in: 0...255, using: &generator) })
            // Scalars that begin or end more than one Character, beside separators.
            let pieces = [
                "/", "\u{301}", "\u{600}", "é", "e\u{301}", "\u{10FF80}", "\u{10FFFF}", "\u{200D}", ":", "=", "👩‍👩‍👧", "한",
                "\r", "\n",
            ]
            check(Array((0..<8).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined().utf8))
        }
    }

    @Test(arguments: ["/home/ada", "é", "e\u{301}t\u{e9}", "日本語", "👩‍👩‍👧", "a\u{FFFD}b", "\u{E000}", ""])
    func whatIsTextStaysAsItIs(_ text: String) {
        #expect(ByteText.text(Array(text.utf8)).utf8.elementsEqual(text.utf8))
    }

    @Test func noTwoHaveOneText() {
        let lists: [[UInt8]] = [
            [0xff], [0xfe], Array("\u{FFFD}".utf8), Array("\u{10FFFF}".utf8), Array("\u{10FFFF}".utf8.prefix(3)),
        ]
        #expect(Set(lists.map { ByteText.text($0) }).count == lists.count)
    }

    @Test func messagesShowTheByte() {
        #expect(quoted(ByteText.text([0x78, 0xff])) == "\"x\\xff\"")
        #expect(escaped(ByteText.text([0x78, 0xff])) == "x\\xff")
    }

    @Test func recordsHoldTheBytes() {
        let word = ByteText.text([0x2f, 0x78, 0xff])
        #expect(Words.join([word]) == [0x2f, 0x78, 0xff, 0])
        #expect(Words.split([0x2f, 0x78, 0xff, 0]) == [word])
        let kept = KeptSandbox(folder: word, words: ["--here", "host"], command: [word])
        #expect(KeptSandbox(encoded: kept.encoded) == kept)
    }
}
