// NAME[:TAG], and the file names made of it.

import SandboxPolicy
import Testing

struct ImageReferenceTests {
    @Test(arguments: [
        ("alpine", "alpine", "latest"), ("alpine:3.20", "alpine", "3.20"),
        ("localhost:5000/team/x:1", "localhost:5000/team/x", "1"), ("localhost:5000/x", "localhost:5000/x", "latest"),
        ("a_b-c.d", "a_b-c.d", "latest"), ("x:_Tag", "x", "_Tag"),
    ])
    func namesAreRead(_ text: String, _ name: String, _ tag: String) throws {
        let reference = try #require(ImageReference(text))
        #expect(reference.name == name && reference.tag == tag)
        #expect(!reference.fileName.contains("/") && !reference.fileName.hasPrefix("."))
        #expect(ImageReference(fileName: reference.fileName) == reference)
    }

    @Test(arguments: [
        "", ":", "x:", ":x", "/x", "x/", "x//y", ".", "..", "../x", "x/../y", "Alpine", "x y", "x:.a", "x:-a", "-x",
        "x\n", "x:\u{1b}", "é", "x%2Fy",
    ])
    func otherWordsAreRefused(_ text: String) { #expect(ImageReference(text) == nil) }
}
