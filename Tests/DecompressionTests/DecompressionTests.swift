// Compressed streams: whole, in small pieces, in several parts, cut short, changed.

import Foundation
import Testing

@testable import Decompression

/// Bytes in pieces of one size.
private final class Pieces: CompressedBytes {
    private let bytes: UnsafeMutableRawBufferPointer
    private let size: Int
    private var offset = 0

    init(_ content: [UInt8], of size: Int) {
        bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: content.count, alignment: 1)
        bytes.copyBytes(from: content)
        self.size = size
    }

    deinit { bytes.deallocate() }

    func next() -> UnsafeRawBufferPointer? {
        let piece = UnsafeRawBufferPointer(rebasing: bytes[offset..<min(offset + size, bytes.count)])
        offset += piece.count
        return piece
    }
}

/// What `command` makes of `content`.
private func filtered(_ content: [UInt8], by command: String) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-ec", command]
    let input = Pipe()
    let output = Pipe()
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    let writer = Thread {
        input.fileHandleForWriting.write(Data(content))
        input.fileHandleForWriting.closeFile()
    }
    writer.start()
    let result = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(command)")
    return Array(result)
}

private func whole(_ stream: any Decompressor, room: Int = 1000) throws(DecompressionError) -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 1)
    defer { buffer.deallocate() }
    var content: [UInt8] = []
    while true {
        let count = try stream.read(into: buffer)
        if count == 0 { return content }
        content += buffer[..<count]
    }
}

private func uncompressed(_ bytes: [UInt8], pieces: Int = 4096, room: Int = 1000) throws(DecompressionError) -> [UInt8]
{
    try whole(Compression(start: bytes).decompressor(of: Pieces(bytes, of: pieces)), room: room)
}

/// Half of it repeats, half is noise.
private let sample: [UInt8] = {
    var seed: UInt32 = 1
    return (0..<150_000).map { index in
        if index % 1000 < 500 { return UInt8(truncatingIfNeeded: index / 7) }
        seed = seed &* 1_664_525 &+ 1_013_904_223
        return UInt8(seed >> 24)
    }
}()

struct DecompressionTests {
    static let programs = ["cat", "gzip", "zstd -q", "xz", "bzip2"]

    @Test(arguments: programs, [1, 7, 4096, 1_000_000])
    func whatComesInPiecesIsRead(_ program: String, _ pieces: Int) throws {
        let packed = try filtered(sample, by: program)
        for room in [1, 1000, 300_000] { #expect(try uncompressed(packed, pieces: pieces, room: room) == sample) }
    }

    @Test(arguments: zip(programs, Compression.allCases))
    func theFirstBytesTell(_ program: String, _ compression: Compression) throws {
        #expect(Compression(start: try filtered(sample, by: program)) == compression)
        #expect(try uncompressed(try filtered([], by: program)) == [])
    }

    @Test(arguments: programs.dropFirst())
    func severalPartsAreOneStream(_ program: String) throws {
        let half = sample.count / 2
        let packed =
            try filtered(Array(sample[..<half]), by: program) + filtered([], by: program)
            + filtered(Array(sample[half...]), by: program)
        for pieces in [1, 1_000_000] { #expect(try uncompressed(packed, pieces: pieces) == sample) }
    }

    @Test(arguments: programs.dropFirst())
    func whatIsCutShortIsNoticed(_ program: String) throws {
        let packed = try filtered(sample, by: program)
        for length in [6, 17, packed.count / 2, packed.count - 9, packed.count - 1] {
            #expect(throws: DecompressionError.self, "\(length)") { try uncompressed(Array(packed[..<length])) }
        }
    }

    @Test(arguments: programs.dropFirst())
    func aChangedByteIsNoticed(_ program: String) throws {
        let packed = try filtered(sample, by: program)
        for index in stride(from: 10, to: packed.count - 10, by: packed.count / 50) {
            var changed = packed
            changed[index] ^= 0x20
            #expect(throws: DecompressionError.self, "\(index)") { try uncompressed(changed) }
        }
    }
}

struct GzipTests {
    private func uncompressed(
        _ bytes: [UInt8], _ engine: GzipEngine, pieces: Int = 4096
    ) throws(DecompressionError) -> [UInt8] {
        try whole(GzipStream(Pieces(bytes, of: pieces), engine))
    }

    @Test(arguments: GzipEngine.allCases, [1, 3, 8, 65_536])
    func aHeaderWithAllItMayHoldIsRead(_ engine: GzipEngine, _ pieces: Int) throws {
        let plain = try filtered(sample, by: "gzip -n")
        // FEXTRA, FNAME and FCOMMENT (RFC 1952, section 2.3.1).
        let header: [UInt8] =
            [0x1f, 0x8b, 8, 0x1c, 0, 0, 0, 0, 0, 3, 4, 0, 0x41, 0x42, 0, 0] + Array("name\0comment\0".utf8)
        let member = header + plain.dropFirst(10)
        #expect(try uncompressed(member + member, engine, pieces: pieces) == sample + sample)
    }

    @Test(arguments: GzipEngine.allCases, [1, 65_536])
    func zerosMayFollow(_ engine: GzipEngine, _ pieces: Int) throws {
        let packed = try filtered(sample, by: "gzip") + [UInt8](repeating: 0, count: 10_000)
        #expect(try uncompressed(packed, engine, pieces: pieces) == sample)
    }

    @Test(arguments: GzipEngine.allCases, [[0x41], [0x1f, 0x8c, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0], [0, 0, 1]])
    func nothingElseMayFollow(_ engine: GzipEngine, _ tail: [UInt8]) throws {
        let packed = try filtered(sample, by: "gzip") + tail
        #expect(throws: DecompressionError.self) { try uncompressed(packed, engine) }
    }

    @Test(arguments: GzipEngine.allCases)
    func everyCutIsNoticed(_ engine: GzipEngine) throws {
        let packed = try filtered(Array(sample[..<2000]), by: "gzip -n")
        for length in 1..<packed.count {
            #expect(throws: DecompressionError.truncated, "\(length)") {
                try uncompressed(Array(packed[..<length]), engine, pieces: 100)
            }
        }
    }

    @Test(arguments: GzipEngine.allCases)
    func sumAndLengthCount(_ engine: GzipEngine) throws {
        let packed = try filtered(sample, by: "gzip")
        for back in 1...8 {
            var changed = packed
            changed[changed.count - back] ^= 1
            #expect(throws: DecompressionError.self, "\(back)") { try uncompressed(changed, engine) }
        }
    }
}
