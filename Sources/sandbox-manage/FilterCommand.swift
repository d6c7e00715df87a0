// `__filter`: compiles a system call filter for the launcher, which keeps the result.

import ArgumentParser
import LinuxSystem
import SandboxPolicy
import Seccomp

struct FilterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "__filter", abstract: "Compile a system call filter for the launcher.", shouldDisplay: false)

    @ArgumentParser.Argument(help: "a filter in OCI format") var file: String
    @ArgumentParser.Argument(help: "the file to write: struct sock_filter, as seccomp(2) takes it") var output: String
    @ArgumentParser.Option(name: .customLong("caps"), help: "the capabilities held inside, with commas between")
    var capabilities = ""
    @ArgumentParser.Flag(help: "answer changes of owner and identity with success") var emulateRoot = false

    func run() throws {
        let program = try compile()
        do throws(Errno) {
            if let slash = output.lastIndex(of: "/"), slash != output.startIndex {
                try Files.makeDirectories(String(output[..<slash]), mode: 0o700)
            }
            try Files.replace(output, with: program.bytes)
        } catch {
            throw FilterCommandError.notWritten(output, error)
        }
    }

    private func compile() throws(FilterCommandError) -> FilterProgram {
        let content: [UInt8]
        do throws(Errno) { content = try Files.read(file) } catch { throw .unreadable(file, error) }
        let (major, minor) = Kernel.version
        let kernel = KernelVersion(major: major, minor: minor)
        let target = FilterTarget(capabilities: try held(), kernel: kernel, emulateRoot: emulateRoot)
        do throws(FilterError) {
            return try FilterProfile(json: content).compiled(for: target)
        } catch {
            throw .bad(file, error)
        }
    }

    private func held() throws(FilterCommandError) -> CapabilitySet {
        var held: CapabilitySet = []
        for name in capabilities.split(separator: ",") {
            guard let capability = Capability(name: String(name)) else { throw .unknownCapability(String(name)) }
            held.insert(capability)
        }
        return held
    }
}

enum FilterCommandError: Error, CustomStringConvertible {
    case unreadable(String, Errno)
    case bad(String, FilterError)
    case unknownCapability(String)
    case notWritten(String, Errno)

    var description: String {
        switch self {
        case .unreadable(let file, let errno):
            "can't read the filter \(quoted(file)): \(errno); --seccomp takes default, none or the path of a file"
        case .bad(let file, let error):
            "the filter \(quoted(file)) is not usable: \(error)"
        case .unknownCapability(let name):
            "unknown capability \(quoted(name)); see capabilities(7)"
        case .notWritten(let file, let errno):
            "can't write \(quoted(file)): \(errno)"
        }
    }
}
