import Foundation
import ImageFormat
import SandboxPolicy
import Testing

@Suite struct ImageDocumentTests {
    let digest: Digest

    init() throws { digest = try #require(Digest(hex: String(repeating: "a", count: 64))) }

    func platform(_ text: String) throws -> Platform { try #require(Platform(text)) }

    var manifest: ImageManifest {
        ImageManifest(
            config: BlobDescriptor(.ociConfig, digest, size: 10),
            layers: [BlobDescriptor(.ociLayerGzip, digest, size: 20)])
    }

    @Test func whatIsWrittenIsRead() throws {
        #expect(try ImageDocument.parse(canonicalJSON(manifest)) == .manifest(manifest))
        let index = ImageIndex(manifests: [BlobDescriptor(.ociManifest, digest, size: 1, platform: .host)])
        #expect(try ImageDocument.parse(canonicalJSON(index)) == .index(index))
    }

    @Test(arguments: ["sha256:../../x", "sha256:" + String(repeating: "A", count: 64), "md5:aa", ""])
    func whatIsNoDigestIsRefused(text: String) {
        let json = String(decoding: canonicalJSON(manifest), as: UTF8.self)
            .replacingOccurrences(of: "\(digest)", with: text)
        #expect(throws: FormatError.badDigest(text)) { try ImageDocument.parse(Data(json.utf8)) }
    }

    @Test func schemaOneIsNamed() {
        #expect(throws: FormatError.schema1) { try ImageDocument.parse(Data(#"{"schemaVersion":1,"name":"x"}"#.utf8)) }
        #expect(throws: FormatError.schema1) {
            try ImageDocument.parse(Data(#"{"schemaVersion":2}"#.utf8), mediaType: MediaType.schema1Signed.rawValue)
        }
    }

    @Test func unknownTypesAreNamed() {
        var other = manifest
        other.layers[0].mediaType = "application/x-disk"
        #expect(throws: FormatError.unknownMediaType("application/x-disk")) {
            try ImageDocument.parse(canonicalJSON(other))
        }
        other = manifest
        other.mediaType = "application/vnd.other"
        #expect(throws: FormatError.unknownMediaType("application/vnd.other")) {
            try ImageDocument.parse(canonicalJSON(other))
        }
    }

    @Test func aHugeDocumentIsNotParsed() {
        let most = ImageDocument.limit
        #expect(throws: FormatError.tooLarge(Int64(most + 1), most: most)) {
            try ImageDocument.parse(Data(repeating: 0x20, count: most + 1))
        }
    }

    @Test func aDocumentIsOneOfTheTwo() {
        let both = #"{"schemaVersion":2,"manifests":[],"config":{},"layers":[]}"#
        #expect(throws: FormatError.self) { try ImageDocument.parse(Data(both.utf8)) }
    }

    @Test func theImageForThisMachineIsChosen() throws {
        func entry(_ platform: String) -> BlobDescriptor {
            BlobDescriptor(.ociManifest, digest, size: 1, platform: Platform(platform))
        }
        let index = ImageIndex(manifests: [entry("linux/386"), entry("linux/arm64/v8"), entry("linux/amd64")])
        #expect(try index.manifest(for: platform("amd64")).platform?.architecture == "amd64")
        #expect(try index.manifest(for: platform("arm64")).platform?.variant == "v8")
        #expect(throws: FormatError.self) { try index.manifest(for: platform("linux/s390x")) }
    }

    @Test func theConfigBecomesSettings() throws {
        let json = """
            {"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["\(digest)"]},
             "config":{"Env":["A=b","HOME"],"Cmd":["sh","-c"],"WorkingDir":"/srv","User":"","Labels":{"x":"y"}}}
            """
        let config = try ImageConfig.parse(Data(json.utf8), of: manifest)
        #expect(
            config.settings(of: "x:1").map { "\($0.option.rawValue)=\($0.value)" }
                == ["env=A=b", "command=sh", "command=-c", "workdir=/srv"])
    }

    @Test func theConfigNamesEachLayer() {
        let json = #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#
        #expect(throws: FormatError.layerCount(manifest: 1, config: 0)) {
            try ImageConfig.parse(Data(json.utf8), of: manifest)
        }
    }
}
