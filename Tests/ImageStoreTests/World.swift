// A store of its own for each test, in a temporary folder that goes with it.

import Foundation
import ImageStore
import LinuxSystem
import SandboxPolicy
import Testing

final class World {
    let folder: String
    let places: Places
    var store: ImageStore { ImageStore(places) }

    init() throws {
        folder = try Files.canonical(NSTemporaryDirectory()) + "/store-test-" + UUID().uuidString
        try Files.makeDirectories(folder)
        places = Places(home: folder, dataHome: nil, cacheHome: nil, configHome: nil)
    }

    deinit {
        do throws(Errno) { try Files.removeTree(folder) } catch { Issue.record("left behind: \(folder): \(error)") }
    }

    /// Writes a file of this world.
    func write(_ name: String, _ content: [UInt8]) throws -> String {
        let path = folder + "/" + name
        try Files.replace(path, with: content)
        return path
    }

    /// Runs a shell command in this world, and fails the test where it fails.
    @discardableResult
    func sh(_ command: String) throws -> String {
        let process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-ec", command]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        let output = Foundation.Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(command)")
        return String(decoding: data, as: UTF8.self)
    }

    /// Makes 1500 folders one in the other, with a file in each: deeper than a path is long, or a process may hold
    /// descriptors.
    func nest(in folder: String) throws {
        try sh(
            """
            cd \(folder) && python3 -c 'import os
            for _ in range(1500): os.mkdir("dd"); os.chdir("dd"); open("f", "w").close()'
            """)
    }

    func reference(_ text: String) throws -> ImageReference { try #require(ImageReference(text)) }

    /// Imports as `name`, for one id, and returns the unpacked tree.
    func imported(_ file: String, _ name: String = "x") throws -> String {
        let reference = try reference(name)
        try store.importTar(from: file, as: reference, mode: .single)
        return places.layer(try #require(try store.record(reference).layers.first).content, .single)
    }

    func imported(_ tar: TarWriter) throws -> String { try imported(try write("x.tar", tar.finished)) }

    /// The error of an import that must fail, and leave nothing.
    func failure(of file: String) throws -> ImageStoreError? {
        let reference = try reference("x")
        let error = #expect(throws: ImageStoreError.self) {
            try store.importTar(from: file, as: reference, mode: .single)
        }
        #expect(try leftovers() == "")
        return error
    }

    /// Everything in the store but its folders and the lock.
    func leftovers() throws -> String {
        try sh("test ! -d '\(places.data)' || find '\(places.data)' -mindepth 2")
    }
}
