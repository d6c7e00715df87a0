// `sandbox-manage __filter`, from outside.

import Foundation
import LinuxSystem
import SandboxPolicy
import Seccomp
import Testing

final class FilterCommandTests {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("filter-\(UUID().uuidString)").path

    init() throws { try Files.makeDirectories(folder) }

    deinit {
        do { try FileManager.default.removeItem(atPath: folder) } catch { Issue.record(error) }
    }

    /// Runs the command, and says how it ended and what it complained of.
    private func filter(_ words: [String]) throws -> (status: Int32, errors: String) {
        let own = try LinuxSystem.Process.ownExecutable()
        let process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: own).deletingLastPathComponent()
            .appendingPathComponent("sandbox-manage")
        process.arguments = ["__filter"] + words
        let errors = Foundation.Pipe()
        process.standardError = errors
        try process.run()
        let complained = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: complained, as: UTF8.self))
    }

    @Test(arguments: [("", false), ("cap_chown,CAP_SYS_ADMIN", false), ("cap_chown", true)])
    func writesTheProgram(_ names: String, _ emulateRoot: Bool) throws {
        let output = folder + "/cache/filters/one"
        let words = [Checkout.defaultFilter, output, "--caps", names] + (emulateRoot ? ["--emulate-root"] : [])
        let outcome = try filter(words)
        #expect(outcome.status == 0)
        #expect(outcome.errors.isEmpty)
        let held = CapabilitySet(names.split(separator: ",").compactMap { Capability(name: String($0)) })
        let kernel = Kernel.version
        let expected = try defaultProgram(
            for: target(
                held, kernel: KernelVersion(major: kernel.major, minor: kernel.minor), emulateRoot: emulateRoot))
        let entry = try #require(FilterFile(encoded: try Files.read(output)))
        #expect(entry.program == expected.bytes)
        let source = FilterSource(
            content: try Files.read(Checkout.defaultFilter), capabilities: held, emulateRoot: emulateRoot, allowed: [],
            kernel: kernel)
        #expect(entry.isMade(from: source))
        #expect(entry.dependencies.count == 2 && entry.dependencies[1].path.contains("/libseccomp.so"))
        #expect(try FileStatus.of(folder + "/cache").permissions == 0o700)
        #expect(try FileStatus.of(output).permissions == 0o600)
    }

    @Test func aMissingFileIsOneLineAndStatus125() throws {
        let outcome = try filter([folder + "/none\u{1b}", folder + "/out"])
        #expect(outcome.status == 125)
        #expect(outcome.errors.hasPrefix(#"sandbox: can't read the filter ""#))
        #expect(
            outcome.errors.hasSuffix(
                "/none\\x1b\": No such file or directory; --seccomp takes the name of a filter or the path of a file\n")
        )
    }

    @Test func aBadFileLeavesNothingBehind() throws {
        try Files.replace(folder + "/bad.json", with: Array("{\n".utf8))
        let outcome = try filter([folder + "/bad.json", folder + "/cache/out"])
        #expect(outcome.status == 125)
        #expect(outcome.errors.contains("bad.json\" is not usable: not JSON: "))
        #expect(outcome.errors.split(separator: "\n").count == 1)
        // The folder of the cache is made before anything is read, for it is all that may be written from then on.
        #expect(try Descriptor.open(folder + "/cache", [.readOnly, .directory]).names().isEmpty)
    }

    @Test func anUnknownOpeningIsRefused() throws {
        let outcome = try filter([Checkout.defaultFilter, folder + "/out", "--allow", "no_such_call"])
        #expect(outcome.status == 125)
        #expect(outcome.errors.hasPrefix("sandbox: --allow \"no_such_call\": no such system call on this machine"))
        #expect(FileStatus.stamp(of: folder + "/out") == "-")
    }

    @Test func anUnknownCapabilityIsRefused() throws {
        let outcome = try filter([Checkout.defaultFilter, folder + "/out", "--caps", "cap_fly"])
        #expect(outcome.status == 125)
        #expect(outcome.errors == "sandbox: unknown capability \"cap_fly\"; see capabilities(7)\n")
    }
}
