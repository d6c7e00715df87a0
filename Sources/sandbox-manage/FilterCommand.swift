// `__filter`: compiles a system call filter for the launcher's cache.

import ArgumentParser
import Foundation
import LinuxSystem
import SandboxPolicy
import Seccomp

struct FilterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "__filter", shouldDisplay: false)

    @ArgumentParser.Argument(help: "the filter in OCI format") var file: String
    @ArgumentParser.Argument(help: "where the program is written") var output: String
    @ArgumentParser.Option(help: "capabilities, with commas between") var caps = ""
    @ArgumentParser.Flag(name: .customLong("emulate-root")) var emulateRoot = false

    func run() throws {
        let json: [UInt8]
        do throws(Errno) { json = try Files.read(file, limit: 4 << 20) } catch {
            throw FilterFileError(file: file, reason: error)
        }
        let filter = try SeccompFilter(json: Data(json), file: file)
        let program = try filter.compile(
            capabilities: Set(caps.split(separator: ",").map(String.init)), emulateRoot: emulateRoot,
            kernel: Kernel.version)
        if let slash = output.lastIndex(of: "/") { try Files.makeDirectories(String(output[..<slash])) }
        try Files.replace(output, with: program)
    }
}

struct FilterFileError: Error, CustomStringConvertible {
    let file: String
    let reason: Errno
    var description: String { "--seccomp \(quoted(file)): \(reason)" }
}
