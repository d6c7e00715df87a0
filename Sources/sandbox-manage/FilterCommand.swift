// `__filter`: compiles a system call filter for the launcher, which keeps the result.

import ArgumentParser
import BPF
import LinuxSystem
import SandboxPolicy
import Seccomp

struct FilterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "__filter", abstract: "Compile a system call filter for the launcher.", shouldDisplay: false)

    @ArgumentParser.Argument(help: "a filter in OCI format") var file: String
    @ArgumentParser.Argument(help: "the cache entry to write") var output: String
    @ArgumentParser.Option(name: .customLong("caps"), help: "the capabilities held inside, with commas between")
    var capabilities = ""
    @ArgumentParser.Flag(help: "answer changes of owner and identity with success") var emulateRoot = false
    @ArgumentParser.Flag(help: "know the file again by its stamp, not by its text") var byStamp = false
    @ArgumentParser.Option(help: "a group or call that is let through in any case; any number of times")
    var allow: [String] = []
    @ArgumentParser.Option(help: "a call that is not refused, where all others are; any number of times")
    var only: [String] = []
    @ArgumentParser.Flag(help: "say nothing of names that match no call") var quiet = false

    func run() throws {
        try Confined.toCache(output)
        // Before the compiling: a part of the compiler that is replaced meanwhile is noticed afterwards.
        let dependencies = Compiler.parts.map {
            SettingsFile.Dependency(path: $0, stamp: FileStatus.stamp(of: $0))
        }
        let (source, program) = try compile()
        let entry = FilterFile(dependencies: dependencies, source: source, program: program.bytes)
        do throws(Errno) {
            try Files.replaceMakingFolders(output, with: entry.encoded)
        } catch {
            throw FilterCommandError.notWritten(output, error)
        }
    }

    private func compile() throws(FilterCommandError) -> (FilterSource, FilterProgram) {
        // Before the reading: a change meanwhile is noticed afterwards.
        let stamp = FileStatus.stamp(of: file)
        let content: [UInt8]
        do throws(Errno) { content = try Files.read(file, limit: 1 << 20) } catch {
            throw .unreadable(file, error)
        }
        let source = FilterSource(
            content: byStamp ? Array(stamp.utf8) : content, capabilities: try held(), emulateRoot: emulateRoot,
            allowed: allow, only: only,
            kernel: Kernel.version
        )
        let target = FilterTarget(
            capabilities: source.capabilities,
            kernel: KernelVersion(major: source.kernel.major, minor: source.kernel.minor), emulateRoot: emulateRoot,
            allowed: allow, only: only)
        do throws(FilterError) {
            let profile = try FilterProfile(json: content)
            let program = try profile.compiled(for: target)
            for warning in quiet ? [] : try profile.warnings(for: target) {
                Invocation.say("the filter \(quoted(file)): \(warning)")
            }
            return (source, program)
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

/// What turns a filter's text into a program.
private enum Compiler {
    /// This program, and the libseccomp that is loaded into it.
    static var parts: [String] {
        var parts: [String] = []
        do throws(Errno) { parts.append(try Process.ownExecutable()) } catch {}
        // proc_pid_maps(5): the path is the last field, and begins with the first slash.
        let lines = (Files.text("/proc/self/maps") ?? "").split(separator: "\n")
        if let line = lines.first(where: { $0.contains("/libseccomp.so") }), let slash = line.firstIndex(of: "/") {
            parts.append(String(line[slash...]))
        }
        return parts
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
            "can't read the filter \(quoted(file)): \(errno); --seccomp takes the name of a filter or the path of a file"
        case .bad(_, .unknownOpening(let name)):
            "\(FilterError.unknownOpening(name))"
        case .bad(let file, let error):
            "the filter \(quoted(file)) is not usable: \(error)"
        case .unknownCapability(let name):
            "unknown capability \(quoted(name)); see capabilities(7)"
        case .notWritten(let file, let errno):
            "can't write \(quoted(file)): \(errno)"
        }
    }
}
