// What a run was refused is told in one line with the rule and the remedy, and the remedy works.

import Foundation
import TestWorld
import Testing

/// `sandbox why --format json`.
private struct Report: Decodable {
    struct Refusal: Decodable {
        struct Rule: Decodable { let option, value, origin: String; let part: String? }
        struct Remedy: Decodable { let commandLine: String; let profile: [String]; let note: String? }
        let kind, call, words: String
        let count: Int
        let rule: Rule
        let remedy: Remedy
    }
    let refused: [Refusal]
    let unlisted: Int
}

final class DenialTests {
    let world: World

    init() throws { world = try World() }

    /// Runs on this machine's own programs, and reads the report that `sandbox why` gives.
    private func refused(_ options: [String] = [], _ command: String...) throws -> (Outcome, [Report.Refusal]) {
        let outcome = try world.sandbox(["run", "--report-denied"] + options + ["host"] + command)
        let why = try world.sandbox(["why", "--format", "json"])
        return (outcome, try JSONDecoder().decode(Report.self, from: Data(why.output.utf8)).refused)
    }

    @Test func aNamespaceNamesCallRuleAndRemedy() throws {
        let (outcome, refusals) = try refused([], "unshare", "-U", "true")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("Operation not permitted"))
        let line = try #require(outcome.errors.split(separator: "\n").first { $0.hasPrefix("sandbox: refused") })
        #expect(line.contains("unshare(CLONE_NEWUSER), once"))
        #expect(line.contains("seccomp = \"default\" (built-in), group namespaces"))
        #expect(line.contains("--nested (in a profile: nested = true)"))
        let refusal = try #require(refusals.first)
        #expect(refusals.count == 1 && refusal.call == "unshare" && refusal.count == 1)
        #expect(try world.sandbox(["run"] + words(refusal) + ["host", "unshare", "-U", "true"]).status == 0)
    }

    @Test func aMountNamesCallRuleAndRemedy() throws {
        let (outcome, refusals) = try refused([], "mount", "-t", "tmpfs", "x", "/mnt")
        #expect(outcome.status != 0)
        let refusal = try #require(refusals.first)
        #expect(refusal.words == #"mount("x", "tmpfs", "/mnt")"#)
        #expect(refusal.rule.part == "group mount")
        #expect(refusal.remedy.commandLine == "--tmpfs /mnt")
        let again = try world.sandbox(["run"] + words(refusal) + ["host", "stat", "-f", "-c", "%T", "/mnt"])
        #expect(again.output == "tmpfs\n")
    }

    /// All ways to an address outside, in both versions of the protocol, each as often as it was refused.
    @Test func connectionsOutsideAreCountedWithRuleAndRemedy() throws {
        let script = """
            import socket
            for family, host in ((socket.AF_INET, '198.51.100.1'), (socket.AF_INET6, '2001:db8::1')):
                for use in (lambda: socket.socket(family).connect((host, 443)),
                            lambda: socket.socket(family, socket.SOCK_DGRAM).connect((host, 53)),
                            lambda: socket.socket(family, socket.SOCK_DGRAM).sendto(b'x', (host, 53))):
                    try: use()
                    except OSError: pass
            """
        let (outcome, refusals) = try refused([], "python3", "-c", script)
        #expect(outcome.status == 0)
        let refusal = try #require(refusals.first)
        #expect(refusals.count == 1 && refusal.kind == "connection" && refusal.count == 6, "\(refusals)")
        #expect(refusal.rule.option == "network" && refusal.rule.value == "none")
        #expect(refusal.remedy.commandLine == "--network host")
        #expect(outcome.errors.contains("refused connections to addresses outside, 6 times, by network = \"none\""))
    }

    @Test func aServerThatIsNotInsideIsTold() throws {
        let (outcome, refusals) = try refused(
            [], "python3", "-c",
            "import socket; socket.socket(2, 2).sendto(b'x', ('127.0.0.1', 53)); socket.create_connection(('127.0.0.1', 1))"
        )
        #expect(outcome.status == 1)
        #expect(
            refusals.map(\.kind) == ["unanswered", "unanswered"] && refusals.map(\.count) == [1, 1], "\(refusals)")
        #expect(outcome.errors.contains("connections to the sandbox's own loopback, where nothing listened"))
        #expect(outcome.errors.contains("look-ups of names"))
    }

    /// Looking up a name of this machine's connects datagram sockets, which is refused by nobody; and who waits for a
    /// server inside asks until it answers.
    @Test func onlyWhatWasRefusedIsTold() throws {
        let script = """
            import socket
            assert socket.getaddrinfo('localhost', 80)
            u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.connect(('127.0.0.1', 9))
            probe = socket.socket(); probe.bind(('127.0.0.1', 0)); address = probe.getsockname()
            try: socket.create_connection(address)
            except ConnectionRefusedError: pass
            probe.listen(); socket.create_connection(address)
            """
        let (outcome, refusals) = try refused([], "python3", "-c", script)
        #expect(outcome.status == 0 && outcome.errors.isEmpty && refusals.isEmpty, "\(outcome.errors)")
    }

    @Test func connectionsInsideAreNotRefusals() throws {
        let script = """
            import socket
            for family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):
                server = socket.create_server((host, 0), family=family)
                socket.create_connection(server.getsockname()[:2])
            a, b = socket.socketpair(); a.send(b'x')
            u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 0))
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', u.getsockname())
            """
        let (outcome, refusals) = try refused([], "python3", "-c", script)
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(refusals.isEmpty)
    }

    @Test func nothingRefusedIsNothingSaid() throws {
        _ = try refused([], "unshare", "-U", "true")
        let (outcome, refusals) = try refused([], "true")
        #expect(outcome.status == 0 && outcome.errors.isEmpty && outcome.output.isEmpty)
        #expect(refusals.isEmpty)
        #expect(try world.sandbox(["why"]).output.hasPrefix("nothing was refused"))
    }

    @Test func refusalsAreCountedAndAnsweredAsWithoutReport() throws {
        let script = """
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            for _ in range(3): libc.unshare(0x04000000)
            print(ctypes.get_errno(), libc.syscall(450_000), ctypes.get_errno())
            """
        let (outcome, refusals) = try refused([], "python3", "-c", script)
        let plain = try world.sandbox(["run", "host", "python3", "-c", script])
        #expect(outcome.output == plain.output && outcome.output == "1 -1 38\n")
        #expect(refusals.map(\.words) == ["unshare(CLONE_NEWUTS)"])
        #expect(refusals.first?.count == 3)
    }

    @Test func changesOfReadOnlyPlacesAreRefusals() throws {
        try world.sh("mkdir shown && touch shown/f")
        let options = ["--read-only", "--bind", "\(world.folder)/shown:/mnt:ro", "--mask", "/etc/ssl"]
        let (_, refusals) = try refused(
            options, "sh", "-c",
            "echo x >/tmp/fine; mkdir -p /etc; echo x 2>/dev/null >/new; touch /mnt/f /etc/ssl/x; rm -f /nothing; true")
        let told = Dictionary(grouping: refusals, by: { $0.words.split(separator: "\"").last.map(String.init) ?? "" })
        let paths = Set(refusals.compactMap { $0.words.split(separator: "\"").dropFirst().first.map(String.init) })
        #expect(paths == ["/new", "/mnt/f", "/etc/ssl/x"], "\(refusals)")
        #expect(told.count > 0)
        func refusal(_ path: String) throws -> Report.Refusal {
            try #require(refusals.first { $0.words.contains("\"\(path)\"") })
        }
        #expect(try refusal("/new").rule.option == "read-only")
        #expect(try refusal("/mnt/f").rule.option == "bind")
        #expect(try refusal("/mnt/f").remedy.commandLine == "--bind \(world.folder)/shown:/mnt")
        #expect(try refusal("/etc/ssl/x").rule.option == "mask")
        let again = try world.sandbox(["run"] + options.dropFirst() + ["host", "sh", "-c", "echo x >/new"])
        #expect(try refusal("/new").remedy.commandLine == "--read-only=false" && again.status == 0)
    }

    /// The machine's own files belong to ids that nobody inside can be.
    @Test func changesOfTheMachinesFilesAreRefusals() throws {
        let (outcome, refusals) = try refused(
            [], "sh", "-c",
            "touch /tmp/fine /new ~/fine; rm /new; for f in /usr/bin/x /etc/passwd; do echo x >>$f; done; mkdir /usr/lib/x"
        )
        #expect(outcome.status != 0)
        #expect(refusals.map(\.kind) == ["ownership", "ownership", "ownership"], "\(refusals)")
        #expect(refusals.map { $0.words.split(separator: "\"")[1] } == ["/usr/bin/x", "/etc/passwd", "/usr/lib/x"])
        #expect(outcome.errors.contains("whose ids do not own this file of the machine's"))
        #expect(outcome.errors.contains("use an image"))
    }

    /// Calls that are about a link and not about what it leads to, and calls that would have failed anyway.
    @Test func whatSucceedsIsNoRefusal() throws {
        try world.sh("mkdir shown && touch shown/f")
        let script = """
            set -e; cd /tmp; ln -s /mnt/f l; rm l; ln -s /mnt/f l; mv l m; mkdir d; ln -s /mnt d/e; rm -r d
            ln -s /mnt/f s; touch -h s; cp -a s t; rm -f /mnt/none; mkdir -p /mnt; rmdir /nothing 2>/dev/null || true
            """
        let (outcome, refusals) = try refused(["--bind", "\(world.folder)/shown:/mnt:ro"], "sh", "-c", script)
        #expect(outcome.status == 0 && refusals.isEmpty && outcome.errors.isEmpty, "\(outcome.errors)")
    }

    @Test func ownersAndAttributesAreChangesToo() throws {
        let script = """
            import os
            for change in (lambda: os.chown('/etc', 0, 0), lambda: os.lchown('/etc/hosts', 0, 0),
                           lambda: os.setxattr('/etc', 'user.x', b'y'), lambda: os.utime('/etc')):
                try: change()
                except OSError: pass
            """
        let (_, refusals) = try refused(["--read-only", "--id-map", "range"], "python3", "-c", script)
        #expect(Set(refusals.map(\.call)) == ["chown", "lchown", "setxattr", "utimensat"], "\(refusals)")
        #expect(refusals.allSatisfy { $0.remedy.commandLine == "--read-only=false" })
    }

    @Test func remediesAreForTheUserWhoReadsThem() throws {
        let (_, refusals) = try refused(
            ["--seccomp", "strict"], "python3", "-c",
            "import socket, ctypes; ctypes.CDLL(None).clock_settime(0, b'x' * 16); socket.socket()")
        let socket = try #require(refusals.first { $0.call == "socket" })
        #expect(!socket.remedy.commandLine.contains("nested"))
        let clock = refusals.first { $0.call == "clock_settime" }
        #expect(clock == nil || clock?.remedy.commandLine.isEmpty == true)
    }

    @Test func shellAndCiReport() throws {
        for profile in ["shell", "ci"] {
            let outcome = try world.sandbox(["run", "--profile", profile, "host", "unshare", "-U", "true"])
            #expect(outcome.errors.contains("sandbox: refused unshare"), "\(profile)")
            let silent = try world.sandbox([
                "run", "--profile", profile, "--report-denied=false", "host", "unshare", "-U", "true",
            ])
            #expect(!silent.errors.contains("sandbox: refused"))
        }
    }

    @Test func aProgramReadsTheSameAsJson() throws {
        let outcome = try world.sandbox(["run", "--report-denied=json", "host", "unshare", "-U", "true"])
        let start = try #require(outcome.errors.firstIndex(of: "{"))
        let report = try JSONDecoder().decode(Report.self, from: Data(outcome.errors[start...].utf8))
        #expect(report.refused.map(\.call) == ["unshare"])
        #expect(outcome.output.isEmpty)
    }

    @Test func theFolderOfTheRunCounts() throws {
        _ = try refused([], "unshare", "-U", "true")
        try world.sh("mkdir elsewhere")
        let other = try world.sh("cd elsewhere && \"$SANDBOX\" why")
        #expect(other.output.hasPrefix("nothing was refused"))
    }

    /// A filter that refuses what is called between its installation and the command.
    @Test(arguments: ["execve", "write", "newfstatat", "exit_group", "mmap"])
    func aFilterThatKeepsTheCommandFromStartingDoesNotHang(_ call: String) throws {
        try world.write(
            "filter.json",
            #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["\#(call)"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}"#
        )
        let started = ContinuousClock.now
        _ = try world.sandbox([
            "run", "--timeout", "20", "--report-denied", "--seccomp", "./filter.json", "host", "/nonexistent",
        ])
        _ = try world.sandbox([
            "run", "--timeout", "20", "--report-denied", "--seccomp", "./filter.json", "host", "true",
        ])
        #expect(ContinuousClock.now - started < .seconds(15))
    }

    /// Questions without end keep neither the time limit nor a signal from coming.
    @Test func aFloodDoesNotHoldTheLimit() throws {
        let script = """
            import ctypes, os
            libc = ctypes.CDLL(None)
            for _ in range(4):
                if os.fork() == 0: break
            while True: libc.unshare(0x10000000)
            """
        let outcome = try world.sandbox(["run", "--report-denied", "--timeout", "1", "host", "python3", "-c", script])
        #expect(outcome.status == 124)
    }

    /// A sandbox that reports, inside of one that reports: the kernel has room for one listener.
    @Test func aSecondListenerIsDoneWithout() throws {
        let shown = NestedTests.shown
        let outcome = try world.sandbox(
            ["run", "--report-denied", "--nested"] + shown.options
                + ["host", shown.binary, "run", "--report-denied", "host", "true"])
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    /// More kinds of refusals than are worth listing are counted.
    @Test func aSandboxCanNotFillTheReport() throws {
        let script = """
            import ctypes
            libc = ctypes.CDLL(None)
            for i in range(6000): libc.mount(b'x%d' % i, b'/mnt', b'tmpfs', 0, None)
            """
        let outcome = try world.sandbox(["run", "--quiet", "--report-denied", "host", "python3", "-c", script])
        #expect(outcome.status == 0 && outcome.errors.isEmpty)
        let why = try world.sandbox(["why", "--format", "json"])
        let report = try JSONDecoder().decode(Report.self, from: Data(why.output.utf8))
        #expect(report.refused.count == 4096 && report.unlisted == 1904)
    }

    /// What a process writes there is the process's own; it must not reach the terminal raw.
    @Test func whatAProcessSaysIsShownEscaped() throws {
        let outcome = try world.sandbox([
            "run", "--report-denied", "host", "python3", "-c",
            "import ctypes; ctypes.CDLL(None).mount(b'\\x1b[31m\\nsandbox: all is well', b'/mnt', b'x', 0, None)",
        ])
        #expect(!outcome.errors.contains("\u{1b}"))
        #expect(!outcome.errors.split(separator: "\n").contains { $0.hasPrefix("sandbox: all is well") })
    }

    private func words(_ refusal: Report.Refusal) -> [String] {
        refusal.remedy.commandLine.split(separator: " ").map(String.init)
    }
}
