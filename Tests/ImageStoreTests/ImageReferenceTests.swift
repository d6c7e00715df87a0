// NAME[:TAG], and the file names made of it.

import SandboxPolicy
import Testing

struct ImageReferenceTests {
    @Test(arguments: [
        ("alpine", "alpine", "latest"), ("alpine:3.20", "alpine", "3.20"),
        ("localhost:5000/team/x:1", "localhost:5000/team/x", "1"), ("localhost:5000/x", "localhost:5000/x", "latest"),
        ("a_b-c.d", "a_b-c.d", "latest"), ("x:_Tag", "x", "_Tag"),
        ("docker.io/library/alpine:3", "alpine", "3"), ("docker.io/a/b", "a/b", "latest"),
        // Without docker.io they would be images of another registry.
        ("docker.io/evil.invalid/x", "docker.io/evil.invalid/x", "latest"),
        ("docker.io/localhost/x", "docker.io/localhost/x", "latest"),
        ("docker.io/library/a/b", "docker.io/library/a/b", "latest"),
    ])
    func namesAreRead(_ text: String, _ name: String, _ tag: String) throws {
        let reference = try #require(ImageReference(text))
        #expect(reference.name == name && reference.tag == tag)
        #expect(!reference.fileName.contains("/") && !reference.fileName.hasPrefix("."))
        #expect(ImageReference(fileName: reference.fileName) == reference)
    }

    @Test(arguments: [
        "", ":", "x:", ":x", "/x", "x/", "x//y", ".", "..", "../x", "x/../y", "Alpine", "x y", "x:.a", "x:-a", "-x",
        "x\n", "x:\u{1b}", "é", "x%2Fy", "n\u{200D}", "alpin\u{200D}e", "x:a\u{301}",
    ])
    func otherWordsAreRefused(_ text: String) { #expect(ImageReference(text) == nil) }
}
