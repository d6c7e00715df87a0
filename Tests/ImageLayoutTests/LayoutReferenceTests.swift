import SandboxPolicy
import Testing

@testable import ImageLayout

@Suite struct LayoutReferenceTests {
    @Test(arguments: [
        ("oci:dir", LayoutKind.layout, "dir", LayoutReference.Choice.only),
        ("oci:/a/b:3.20", .layout, "/a/b", .named("3.20")),
        (
            "oci-archive:x.tar:docker.io/library/alpine:3.20", .ociArchive, "x.tar",
            .named("docker.io/library/alpine:3.20")
        ),
        ("docker-archive:-", .dockerArchive, "-", .only),
        ("docker-archive:x.tar:@2", .dockerArchive, "x.tar", .place(2)),
    ])
    func isReadAndWritten(
        text: String, kind: LayoutKind, path: String, choice: LayoutReference.Choice
    ) throws {
        let reference = try LayoutReference(text)
        #expect(reference.kind == kind)
        #expect(reference.path == path)
        #expect(reference.choice == choice)
        #expect(reference.description == text)
    }

    @Test(arguments: ["oci:", "oci::tag", "oci:dir:", "alpine", "docker:x", "oci-archive", "oci:x:@-1", "oci:x:@y"])
    func whatIsNoneIsRefused(text: String) {
        #expect(throws: LayoutError.notAReference(text)) { try LayoutReference(text) }
    }

    @Test func namesOfRegistriesAreTold() {
        #expect(LayoutKind(of: "oci:x") != nil)
        #expect(LayoutKind(of: "localhost:5000/x") == nil)
    }

    @Test func namesAreEqualAsReferencesAreEqual() throws {
        let names = [["3.20"], ["docker.io/library/alpine:latest"]]
        #expect(try LayoutReference("oci:x:alpine").choice.pick(from: names, in: "x") == 1)
        #expect(try LayoutReference("oci:x:3.20").choice.pick(from: names, in: "x") == 0)
        #expect(throws: LayoutError.unknownImage("x", wanted: "debian", names: names.flatMap { $0 })) {
            try LayoutReference("oci:x:debian").choice.pick(from: names, in: "x")
        }
    }
}
