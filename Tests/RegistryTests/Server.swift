// A program that serves on a port of its own while a test lasts.

import Foundation
import LinuxSystem
import Testing

final class Server {
    private let id: ProcessID
    /// Ends with this process, however that ends.
    private let input: SharedDescriptor
    private let output: String

    /// - Parameter words: what is run, without its path.
    init(_ world: World, _ path: String, _ words: [String]) throws {
        output = "\(world.folder)/output-\(UUID().uuidString)"
        let file = try Descriptor.open(output, [.writeOnly, .create], mode: 0o600)
        var own = try PipeEnds()
        var given = own
        let reader = given.keepReader()
        input = own.keepWriter()
        // Not Foundation's: what that starts has the signals blocked that a thread of tests has.
        id = try LinuxSystem.Process.spawn(
            path, arguments: [path] + words, environment: ["PATH=/usr/bin:/bin", "HOME=\(world.home)"],
            output: file.raw, errorOutput: file.raw, input: reader.raw)
        withExtendedLifetime(reader) {}
    }

    deinit {
        LinuxSystem.Process.kill(id, SIGKILL)
        do throws(Errno) { _ = try LinuxSystem.Process.wait(for: id) } catch { Issue.record("\(id): \(error)") }
    }

    /// The number that it prints behind `text` and before something else.
    func number(after text: String) throws -> Int {
        for _ in 0..<1000 {
            let said = Files.text(output) ?? ""
            if let found = said.firstRange(of: text) {
                let digits = said[found.upperBound...].prefix { $0.isNumber }
                if digits.endIndex < said.endIndex, let number = Int(digits) { return number }
            }
            usleep(10_000)
        }
        Issue.record("no \(text) in \(Files.text(output) ?? "")")
        throw Errno.noData
    }
}
