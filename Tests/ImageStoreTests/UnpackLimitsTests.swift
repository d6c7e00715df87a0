// Archives that ask for more than a machine should give.

import Foundation
import ImageStore
import LinuxSystem
import Testing

struct UnpackLimitsTests {
    let world: World

    init() throws { world = try World() }

    /// The error of an import under these limits, which must leave nothing, and how many bytes of the file were read.
    private func failure(
        of file: String, _ limits: UnpackLimits
    ) throws -> (error: ImageStoreError?, read: Int64) {
        let reference = try world.reference("x")
        let read = Counter()
        let error = #expect(throws: ImageStoreError.self) {
            try ImageStore(world.places, limits: limits)
                .importTar(from: file, as: reference, mode: .single) { read.value = $0 }
        }
        #expect(try world.leftovers() == "")
        return (error, read.value)
    }

    private final class Counter: @unchecked Sendable { var value: Int64 = 0 }

    /// 8 GiB of zeros in a few megabytes of gzip.
    @Test func aBombStopsEarly() throws {
        var tar = TarWriter()
        tar.addHeader("bomb", size: 8 << 30 - 1)
        _ = try world.write("header", tar.bytes)
        try world.sh(
            """
            gzip <header >bomb.gz; head -c 67108864 /dev/zero | gzip >zeros.gz
            for i in $(seq 128); do cat zeros.gz; done >>bomb.gz
            """)
        let file = world.folder + "/bomb.gz"
        let (error, read) = try failure(of: file, UnpackLimits(bytes: 10 << 20))
        #expect(error == .layerTooLarge(file, 10 << 20))
        #expect(read < 1 << 20)
        #expect(try #require(error).description.contains("SANDBOX_MAX_LAYER_BYTES"))
    }

    @Test func theLimitItselfIsAllowed() throws {
        var tar = TarWriter()
        tar.file("f", "x")
        let file = try world.write("x.tar", tar.finished)
        let size = Int64(tar.finished.count)
        #expect(try failure(of: file, UnpackLimits(bytes: size - 1)).error == .layerTooLarge(file, size - 1))
        try ImageStore(world.places, limits: UnpackLimits(bytes: size, entries: 1))
            .importTar(from: file, as: try world.reference("x"), mode: .single)
    }

    @Test func moreEntriesThanAllowedAreRefused() throws {
        var tar = TarWriter()
        for index in 0...10 { tar.add("same", type: index % 2 == 0 ? "5" : "2", link: "x") }
        let file = try world.write("x.tar", tar.finished)
        let error = try failure(of: file, UnpackLimits(entries: 10)).error
        #expect(error == .tooManyEntries(file, 10))
        #expect(try #require(error).description.contains("SANDBOX_MAX_LAYER_ENTRIES"))
    }

    /// Few entries, each of which leads through hundreds of folders.
    @Test func jumpsBetweenDeepFoldersCount() throws {
        var tar = TarWriter()
        for index in 0..<8 {
            tar.addAttributes([("path", Array(String(repeating: "\(index % 2)/", count: 500).utf8))])
            tar.folder("short")
        }
        let file = try world.write("x.tar", tar.finished)
        #expect(try failure(of: file, UnpackLimits(entries: 100)).error == .tooManyEntries(file, 100))
        try ImageStore(world.places).importTar(from: file, as: try world.reference("x"), mode: .single)
    }

    /// A map of holes without end (tar(5), "GNU tar archives"), which would have to be kept in memory.
    @Test func aHeaderWithoutEndIsRefused() throws {
        var tar = TarWriter()
        tar.addHeader("holes", type: "S", size: 0) { header in
            header.replaceSubrange(257..<265, with: Array("ustar  \0".utf8))
            header.replaceSubrange(386..<409, with: Array("00000000001\000000000000".utf8))
            header[482] = 1
        }
        var block = [UInt8](repeating: 0, count: 512)
        for index in 0..<21 {
            block.replaceSubrange((index * 24)..<(index * 24 + 11), with: Array("00000000001".utf8))
            block.replaceSubrange((index * 24 + 12)..<(index * 24 + 23), with: Array("00000000000".utf8))
        }
        block[504] = 1
        let blocks = (0..<8192).flatMap { _ in block }
        let file = try world.write("x.tar", tar.bytes + blocks)
        let (error, read) = try failure(of: file, UnpackLimits())
        guard case .damaged(file, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("longer than"))
        #expect(read < 3 << 20)
    }

    @Test func theEnvironmentSetsThem() throws {
        #expect(try UnpackLimits { _ in nil } == UnpackLimits())
        #expect(try UnpackLimits { _ in "" } == UnpackLimits())
        let values = ["SANDBOX_MAX_LAYER_BYTES": "5", "SANDBOX_MAX_LAYER_ENTRIES": "6"]
        #expect(try UnpackLimits { values[$0] } == UnpackLimits(bytes: 5, entries: 6))
    }

    @Test(arguments: ["0", "-1", "+1", "1k", "lots", "99999999999999999999", " 1"])
    func aMalformedLimitIsNamed(_ value: String) throws {
        let error = #expect(throws: MalformedLimit.self) {
            try UnpackLimits { $0 == "SANDBOX_MAX_LAYER_BYTES" ? value : nil }
        }
        #expect(error?.variable == "SANDBOX_MAX_LAYER_BYTES")
        #expect(error?.value == value)
    }
}
