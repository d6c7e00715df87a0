// What libFuzzer calls with bytes of its own making: they are taken for the documents of an image. Beyond crashes it looks
// for what an image must never get past the reader.

import Foundation
import SandboxPolicy

@testable import ImageFormat

@_cdecl("LLVMFuzzerTestOneInput")
public func readOne(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let data = Data(bytes: bytes, count: count)
    for type in [nil] + MediaType.allCases.map(\.rawValue) {
        do throws(FormatError) {
            switch try ImageDocument.parse(data, mediaType: type) {
            case .index(let index):
                do throws(FormatError) { _ = try index.manifest(for: .host) } catch { said(error) }
            case .manifest(let manifest):
                // What is written again is the same to the reader.
                guard try ImageDocument.parse(canonicalJSON(manifest)) == .manifest(manifest) else {
                    fatalError("two readings of one manifest")
                }
            }
        } catch { said(error) }
    }
    var manifest = ImageManifest(config: BlobDescriptor(.ociConfig, digest, size: 1), layers: [])
    for _ in 0..<3 {
        do throws(FormatError) {
            let config = try ImageConfig.parse(data, of: manifest)
            for setting in config.settings(of: "x") where setting.value.utf8.contains(0) { fatalError("a NUL byte") }
        } catch { said(error) }
        manifest.layers.append(BlobDescriptor(.ociLayer, digest, size: 1))
    }
    if let platform = Platform(String(decoding: data, as: UTF8.self)), "\(platform)".contains("\n") {
        fatalError("a platform of two lines")
    }
    if let name = ImageReference(String(decoding: data, as: UTF8.self)) {
        guard ImageReference(fileName: name.fileName) == name, !name.fileName.contains("/") else {
            fatalError("a name that does not come back: \(name)")
        }
    }
    return 0
}

private let digest: Digest = {
    guard let digest = Digest(hex: String(repeating: "a", count: 64)) else { fatalError("64 digits") }
    return digest
}()

/// A message must be one line without anything that a terminal obeys.
private func said(_ error: FormatError) {
    for scalar in "\(error)".unicodeScalars where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) {
        fatalError("a control character in a message")
    }
}
