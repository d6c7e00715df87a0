// Registries and images that are wrong: one line, status 125, nothing of it in the store.

import Foundation
import LinuxSystem
import TestWorld
import Testing

/// The registry of Tests/RegistryTests that does what it is told, with what an OCI layout of make-image holds.
final class ToldRegistry {
    static let missing: Comment = "needs python3"
    static var isThere: Bool { Files.isAccessible("/usr/bin/python3", 1) }

    let address: String
    private let log: String
    private let process: HelperProcess

    /// - Parameters:
    ///   - description: of an image, for make-image; served as tag `latest` of every name.
    ///   - manifest: served in place of it.
    ///   - faults: rules of fake-registry.py, in JSON.
    init(
        _ world: World, _ description: String? = nil, manifest: (text: String, type: String)? = nil,
        faults: String = "[]", auth: String = "null"
    ) throws {
        let layout = world.folder + "/out-layout-" + UUID().uuidString
        var tags: [String: (path: String, type: String)] = [:]
        var blobs: [String: String] = [:]
        if let description {
            let root = try makeImage(world, description, "'\(layout)'")
            for name in try Self.names(in: layout + "/blobs/sha256") {
                let path = layout + "/blobs/sha256/" + name
                blobs["sha256:" + name] = path
                if let type = try Self.manifestType(path) { tags["sha256:" + name] = (path, type) }
            }
            if let found = tags[root] { tags["latest"] = found }
        }
        if let manifest {
            let file = "out-manifest-\(UUID().uuidString)"
            try world.write(file, manifest.text)
            tags["latest"] = (world.folder + "/" + file, manifest.type)
        }
        let settings: [String: Any] = [
            "blobs": blobs, "manifests": tags.mapValues { ["path": $0.path, "type": $0.type] },
            "faults": try Self.json(faults), "auth": try Self.json(auth),
        ]
        let file = "out-settings-\(UUID().uuidString)"
        let text = String(decoding: try JSONSerialization.data(withJSONObject: settings), as: UTF8.self)
        try world.write(file, text)
        log = world.folder + "/" + file + ".log"
        process = try HelperProcess(
            world,
            [
                "/usr/bin/python3", HelperProcess.checkout + "/Tests/RegistryTests/fake-registry.py",
                world.folder + "/" + file, log,
            ])
        address = "127.0.0.1:" + (try process.firstLines(1)[0].dropFirst("port ".count))
    }

    /// How often it was asked for something whose path contains `text`.
    func requests(_ text: String) -> Int {
        (Files.text(log) ?? "").split(separator: "\n").count { $0.contains(text) }
    }

    private static func json(_ text: String) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    private static func names(in folder: String) throws -> [String] {
        try Descriptor.open(folder, [.readOnly, .directory]).names()
    }

    private static func manifestType(_ path: String) throws -> String? {
        let bytes = Data(try Files.read(path))
        guard bytes.count < 1 << 20, bytes.first == UInt8(ascii: "{"),
            let object = try? JSONSerialization.jsonObject(with: bytes) as? [String: Any]
        else { return nil }
        if object["schemaVersion"] as? Int == 1 {
            return "application/vnd.docker.distribution.manifest.v1+json"
        }
        return object["mediaType"] as? String
    }
}

@Suite(.waiting, .enabled(if: ToldRegistry.isThere, ToldRegistry.missing)) struct BadPullTests {
    let world: World

    init() throws { world = try World() }

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// For make-image.
        let image: String
        let says: [String]

        init(_ name: String, _ image: String, _ says: String...) {
            testDescription = name
            self.image = image
            self.says = says
        }

        static func layer(_ name: String, _ wrong: String, _ says: String...) -> Case {
            let entries = #"[{"path": "a", "content": "some text"}, {"path": "b", "content": {"zeros": 100000}}]"#
            return Case(name, #"{"layers": [{"entries": \#(entries), "wrong": \#(wrong)}]}"#, says)
        }
        static func entries(_ name: String, _ entries: String, _ says: String...) -> Case {
            Case(name, #"{"layers": [[\#(entries)]]}"#, says)
        }
        private init(_ name: String, _ image: String, _ says: [String]) {
            testDescription = name
            self.image = image
            self.says = says
        }
    }

    private static let oneLayer = #"[[{"path": "a", "content": "x"}]]"#

    static let images = [
        Case.layer("digest of a layer", #"{"digest": true}"#, "should have the digest sha256:"),
        Case.layer("uncompressed digest", #"{"diff_id": true}"#, "uncompressed, should have the digest sha256:"),
        Case.layer("a layer with more than its size", #"{"size": -1}"#, "more than the"),
        Case.layer("a layer with less than its size", #"{"size": 1}"#, "sends only"),
        Case.layer("a layer that is cut off", #"{"cut": 20}"#, "sends only"),
        Case.layer("a layer that is not there", #"{"missing": true}"#, "BLOB_UNKNOWN"),
        Case(
            "digest of the configuration", #"{"layers": \#(oneLayer), "wrong": {"config": {"digest": true}}}"#,
            "should have the digest"),
        Case(
            "size of the configuration", #"{"layers": \#(oneLayer), "wrong": {"config": {"size": 1}}}"#, "bytes"),
        Case(
            "no configuration", #"{"layers": \#(oneLayer), "wrong": {"config": {"missing": true}}}"#, "BLOB_UNKNOWN"),
        Case(
            "digest of a manifest below an index",
            #"{"images": [{"layers": \#(oneLayer), "wrong": {"manifest": {"digest": true}}}]}"#, "digest"),
        Case(
            "an index without this platform",
            #"{"images": [{"platform": "linux/s390x", "layers": \#(oneLayer)}, {"platform": "windows/amd64"}]}"#,
            "linux/s390x", "windows/amd64"),
        Case("another platform", #"{"platform": "linux/s390x", "layers": \#(oneLayer)}"#, "linux/s390x"),
        Case("schema 1", #"{"kind": "schema1", "layers": \#(oneLayer)}"#, "schema 1"),
        Case(
            "an unknown type of layer",
            #"{"layers": [{"media_type": "application/x-layer", "entries": [{"path": "a"}]}]}"#, "application/x-layer"),
        Case.entries("a name with ..", #"{"path": "../climbed"}"#, "climbs out"),
        Case.entries("a name with .. inside", #"{"path": "a/../../../climbed"}"#, "climbs out"),
        Case.entries(
            "through a symbolic link",
            #"{"path": "l", "type": "link", "target": "../tmp"}, {"path": "l/sandbox-climbed", "content": "x"}"#,
            "symbolic link"),
        Case.entries(
            "a hard link out of the tree",
            #"{"path": "h", "type": "hardlink", "target": "../../../../../../../etc/passwd"}"#, "hard link"),
        Case.entries(
            "a hard link to an absolute name", #"{"path": "h", "type": "hardlink", "target": "/etc/passwd"}"#,
            "hard link"),
        Case.entries(
            "a hard link through a symbolic link",
            #"{"path": "l", "type": "link", "target": "/etc"}, "#
                + #"{"path": "h", "type": "hardlink", "target": "l/passwd"}"#,
            "hard link"),
        Case.entries(
            "a white-out through a link",
            #"{"path": "l", "type": "link", "target": "../../../../.."}, {"path": "l/victim", "type": "whiteout"}"#,
            "symbolic link"),
        Case.entries(
            "an opaque folder through a link",
            #"{"path": "l", "type": "link", "target": "../../../../.."}, {"path": "l", "type": "opaque"}"#,
            "symbolic link"),
        Case.entries("a bomb", #"{"path": "a", "content": {"zeros": 9000000}}"#, "SANDBOX_MAX_LAYER_BYTES"),
    ]

    /// Runs the image, which must be refused.
    private func refused(
        _ registry: ToldRegistry, says: [String], name: String = "/x", environment: [String: String] = [:]
    ) throws {
        let all = environment.merging(["SANDBOX_MAX_LAYER_BYTES": "8000000"]) { given, _ in given }
        let outcome = try world.sandbox(["run", "--quiet", registry.address + name, "true"], environment: all)
        #expect(outcome.status == 125)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix("sandbox: ") && outcome.errors.hasSuffix("\n"))
        #expect(
            outcome.errors.split(separator: "\n").count == 1 && outcome.errors.utf8.count < 700, "\(outcome.errors)")
        for text in says { #expect(outcome.errors.contains(text), "\(outcome.errors)") }
        #expect(!outcome.errors.contains("\u{1b}"))
        #expect(try world.stored().isEmpty)
        #expect(try world.sandbox(["images", "--format", "json"]).output.filter { !$0.isWhitespace } == "[]")
    }

    @Test(arguments: images) func aWrongImageIsRefused(_ bad: Case) throws {
        let registry = try ToldRegistry(world, bad.image)
        // Where the links of white-outs lead to, from a layer that is being unpacked.
        try world.write("home/victim", "x\n")
        try refused(registry, says: bad.says)
        #expect(Files.text(world.home + "/victim") == "x\n")
        #expect(!FileManager.default.fileExists(atPath: "/tmp/sandbox-climbed"))
        #expect(try world.sh("find . -name '*climbed*'").output.isEmpty)
    }

    @Test func whatIsAllRightIsTaken() throws {
        // All the refusals mean something only where the same image, not wrong, is taken.
        let entries = #"[{"path": "a", "content": "some text"}]"#
        let registry = try ToldRegistry(world, #"{"layers": [{"entries": \#(entries)}]}"#)
        #expect(try world.sandbox(["pull", "--quiet", registry.address + "/x"]).status == 0)
        #expect(try world.stored().count == 5)
    }

    static let answers: [(name: String, faults: String, says: [String])] = [
        ("401", #"[{"match": "GET /v2/x/manifests", "status": 401}]"#, ["credentials", "podman login"]),
        ("403", #"[{"match": "GET /v2/x/manifests", "status": 403, "body": "no \u001b[31mway"}]"#, ["x"]),
        ("404", #"[{"match": "GET /v2/x/manifests", "status": 404}]"#, ["has no", "is the name right"]),
        (
            "429", #"[{"match": "GET /v2/x/manifests", "status": 429, "headers": {"Retry-After": "0"}}]"#,
            ["status 429", "try again later"]
        ),
        ("500", #"[{"match": "GET /v2/x/blobs", "status": 500}]"#, ["status 500"]),
        (
            "an endless manifest", #"[{"match": "GET /v2/x/manifests", "endless": 104857600}]"#,
            ["document of more than"]
        ),
        (
            "redirects in a circle",
            #"[{"match": "GET /v2/x/blobs", "status": 307, "headers": {"Location": "/v2/x/blobs/again"}}]"#,
            ["redirects"]
        ),
        (
            "a redirect to a file",
            #"[{"match": "GET /v2/x/blobs", "status": 307, "headers": {"Location": "file:///etc/passwd"}}]"#,
            ["redirects"]
        ),
        ("nonsense", #"[{"match": "GET /v2/x/manifests", "status": 200, "body": "<html>"}]"#, ["JSON"]),
        ("an empty manifest", #"[{"match": "GET /v2/x/manifests", "size": 0}]"#, []),
    ]

    @Test(arguments: answers.indices) func aWrongAnswerIsRefused(_ index: Int) throws {
        let (name, faults, says) = Self.answers[index]
        let registry = try ToldRegistry(world, #"{"layers": \#(Self.oneLayer)}"#, faults: faults)
        try refused(registry, says: says)
        if name.hasPrefix("4") && name != "429" { #expect(registry.requests("/manifests/") <= 2, "\(name)") }
        if name == "429" || name == "500" { #expect(registry.requests("/v2/x/") > 3, "\(name)") }
    }

    @Test func aWrongPasswordIsNotShown() throws {
        let registry = try ToldRegistry(
            world, #"{"layers": \#(Self.oneLayer)}"#,
            auth: #"{"kind": "basic", "user": "me", "password": "right", "echo": "you said ill-kept-secret"}"#)
        let user = Data("me:ill-kept-secret".utf8).base64EncodedString()
        try world.write("auth.json", #"{"auths": {"\#(registry.address)": {"auth": "\#(user)"}}}"#)
        let environment = ["REGISTRY_AUTH_FILE": world.folder + "/auth.json"]
        try world.write(
            "home/.config/containers/registries.conf",
            "[[registry]]\nlocation = '\(registry.address)'\ninsecure = true\n")
        try refused(registry, says: ["credentials of", "auth.json"], environment: environment)
        let outcome = try world.sandbox(["pull", registry.address + "/x"], environment: environment)
        #expect(outcome.status == 125 && !outcome.errors.contains("ill-kept-secret"), "\(outcome.errors)")
    }

    static let manifestType = "application/vnd.oci.image.manifest.v1+json"

    @Test(arguments: ["sha256:12", "../../../etc/passwd", "md5:d41d8cd98f00b204e9800998ecf8427e", "", "sha256:\\u0000"])
    func whatIsNoDigestIsRefused(_ digest: String) throws {
        let good = "sha256:" + String(repeating: "a", count: 64)
        for (config, layer) in [(digest, good), (good, digest)] {
            let text = """
                {"schemaVersion": 2, "mediaType": "\(Self.manifestType)",
                 "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "\(config)", "size": 2},
                 "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "\(layer)", "size": 2}]}
                """
            let registry = try ToldRegistry(world, manifest: (text, Self.manifestType))
            try refused(registry, says: ["digest"])
            #expect(registry.requests("/blobs/") == 0)
        }
    }

    @Test(arguments: [
        (
            "application/vnd.example.thing+json",
            #"{"schemaVersion": 2, "mediaType": "application/vnd.example.thing+json"}"#
        ),
        (manifestType, #"{"schemaVersion": 2}"#), (manifestType, "[]"), (manifestType, #"{"schemaVersion": 7}"#),
    ])
    func whatIsNoManifestIsRefused(_ type: String, _ text: String) throws {
        let registry = try ToldRegistry(world, manifest: (text, type))
        try refused(registry, says: type == Self.manifestType ? [] : [type])
    }

    @Test func theDigestInANameIsHeld() throws {
        let registry = try ToldRegistry(world, #"{"layers": \#(Self.oneLayer)}"#)
        let wrong = "sha256:" + String(repeating: "0", count: 64)
        try refused(registry, says: ["has no"], name: "/x@" + wrong)
        let lying = try ToldRegistry(
            world, #"{"layers": \#(Self.oneLayer)}"#,
            faults:
                """
                [{"match": "GET /v2/x/manifests", "status": 200, "body": "{}",
                  "headers": {"Content-Type": "\(Self.manifestType)"}}]
                """
        )
        try refused(lying, says: ["digest"], name: "/x@" + wrong)
    }

    @Test func aNewerStoreIsLeftAlone() throws {
        let registry = try ToldRegistry(world, #"{"layers": \#(Self.oneLayer)}"#)
        let data = "home/.local/share/sandbox"
        #expect(try world.sandbox(["pull", "--quiet", registry.address + "/old"]).status == 0)
        let version = try world.sh("cat \(data)/version").output
        #expect(!version.isEmpty)
        try world.write(data + "/version", "99\n")
        let before = try world.fingerprint(data)
        let outcome = try world.sandbox(["run", "--quiet", registry.address + "/x", "true"])
        #expect(outcome.status == 125 && outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix("sandbox: ") && outcome.errors.split(separator: "\n").count == 1)
        #expect(outcome.errors.contains("version 99") && outcome.errors.contains("newer"), "\(outcome.errors)")
        #expect(try world.fingerprint(data) == before)
    }
}
