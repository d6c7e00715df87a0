// `sandbox doctor`, on this machine and with something of it taken away, really, by what is put around it.

import Foundation
import LinuxSystem
import TestWorld
import Testing

/// As `--format json` prints it.
private struct Check: Codable {
    var name: String
    var state: String
    var found: String
    var cause: String
    var remedy: String
}

private struct Report {
    let status: Int32
    let checks: [Check]

    /// The first thing that is missing.
    var missing: Check? { checks.first { $0.state == "missing" } }
    func state(_ name: String) -> String? { self[name]?.state }
    subscript(name: String) -> Check? { checks.first { $0.name == name } }
}

/// Words before a command that take something away from it.
private struct Refusal: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let around: [String]
    /// The check that is missing, what its cause says, what its remedy says.
    let check: String
    let cause: String
    let remedy: String

    init(_ description: String, _ around: [String], check: String, cause: String, remedy: String) {
        testDescription = description
        self.around = around
        self.check = check
        self.cause = cause
        self.remedy = remedy
    }

    static let bwrap = ["bwrap", "--dev-bind", "/", "/"]
    static func calls(_ refused: String...) -> [String] {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/refuse-calls.py"
        return ["python3", script] + refused + ["--"]
    }
    /// In a user namespace, whose root may write its own limits.
    static func limit(_ name: String) -> [String] {
        ["unshare", "-Ur", "sh", "-c", "echo 0 >/proc/sys/user/\(name) && exec \"$@\"", "sh"]
    }

    static let all = [
        Refusal(
            "no user namespaces in bwrap --disable-userns", bwrap + ["--unshare-user", "--disable-userns"],
            check: "user namespaces", cause: "No space left on device", remedy: "without --disable-userns"),
        Refusal(
            "a limit of 0 user namespaces", limit("max_user_namespaces"), check: "user namespaces",
            cause: "user.max_user_namespaces is 0", remedy: "sysctl -w user.max_user_namespaces=15000"),
        Refusal(
            "a limit of 0 network namespaces", limit("max_net_namespaces"), check: "network namespace",
            cause: "user.max_net_namespaces is 0", remedy: "sysctl -w user.max_net_namespaces=1000"),
        Refusal(
            "a filter that refuses user namespaces", calls("namespaces=EPERM"), check: "user namespaces",
            cause: "seccomp filter around this process", remedy: "seccomp=unconfined"),
        Refusal(
            "a filter that hides clone3, as Docker's", calls("clone3=ENOSYS"), check: "user namespaces",
            cause: "hides what is needed to make namespaces (clone3)", remedy: "seccomp=unconfined"),
        Refusal(
            "a filter that hides openat2", calls("openat2=ENOSYS"), check: "kernel", cause: "openat2",
            remedy: "seccomp=unconfined"),
        Refusal(
            "a filter that refuses mounts", calls("fsopen=EPERM"), check: "file system in memory",
            cause: "seccomp filter around this process", remedy: "seccomp=unconfined"),
        Refusal(
            "a filter that refuses filters", calls("seccomp=EPERM"), check: "seccomp filter",
            cause: "does not let it install the system call filter", remedy: "seccomp=unconfined"),
        Refusal(
            "a masked /proc", bwrap + ["--unshare-pid", "--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"],
            check: "/proc", cause: "masks its own /proc", remedy: "unmask=ALL"),
        Refusal(
            "a masked /sys", bwrap + ["--ro-bind", "/sys/kernel", "/sys/kernel"], check: "/sys",
            cause: "masks its own /sys", remedy: "--network host"),
    ]
}

struct DoctorTests {
    private func doctor(
        _ world: World, around: [String] = [], environment: [String: String] = [:], binary: String = World.binary
    ) throws -> Report {
        let words = around + [binary, "doctor", "--format", "json"]
        let outcome = try world.start("/usr/bin/env", words, environment: environment).finish()
        do {
            let checks = try JSONDecoder().decode([Check].self, from: Data(outcome.output.utf8))
            return Report(status: outcome.status, checks: checks)
        } catch {
            Issue.record("status \(outcome.status): \(outcome.output)\(outcome.errors)")
            throw error
        }
    }

    @Test func aSandboxCanBeStartedHere() throws {
        let world = try World()
        let report = try doctor(world)
        #expect(report.status == 0 && report.missing == nil)
        #expect(report.checks.last?.name == "sandbox run" && report.checks.last?.state == "ok")
        for name in ["user namespaces", "overlay", "overlay on disk", "/proc", "/sys", "seccomp filter", "command"] {
            #expect(report.state(name) == "ok", "\(name)")
        }
        for check in report.checks {
            #expect((check.state == "ok") == check.cause.isEmpty, "\(check)")
            #expect((check.state == "ok") == check.remedy.isEmpty, "\(check)")
        }
        // What was tried has left nothing.
        #expect(try world.sh("ls .local/share/sandbox/ephemeral", environment: ["HOME": world.home]).output.isEmpty)
    }

    /// The check is the first that is missing, and what `sandbox run` says is the same.
    @Test(arguments: Refusal.all)
    private func whatIsMissingIsNamed(_ refusal: Refusal) throws {
        let world = try World()
        // Fills the caches: with less around it, sandbox-manage may not even be started.
        for mode in ["auto", "single"] {
            #expect(try world.sandbox(["run", "--id-map", mode, "host", "true"]).status == 0)
        }
        var report = try doctor(world, around: refusal.around)
        // A whole /proc or /sys that someone has mounted elsewhere on this machine for a moment is enough for the kernel.
        for _ in 0..<5 where report.missing == nil {
            usleep(500_000)
            report = try doctor(world, around: refusal.around)
        }
        let missing = try #require(report.missing, "\(report)")
        #expect(report.status == 1)
        #expect(missing.name == refusal.check)
        #expect(missing.cause.contains(refusal.cause), "\(missing)")
        #expect(missing.remedy.contains(refusal.remedy), "\(missing)")
        // The kernel's calls are looked at before a launch, which then fails at a step that needs one.
        if refusal.check == "kernel" { return }
        let run = try world.start("/usr/bin/env", refusal.around + [World.binary, "run", "host", "true"]).finish()
        #expect(run.status == 125)
        #expect(run.errors.hasPrefix("sandbox: \(missing.cause)"), "\(run.errors)")
    }

    /// The line of `run` has the first command, and sends to `doctor` for more.
    @Test func aRunSendsToDoctorWhereThereIsMore() throws {
        let world = try World()
        let around = Refusal.limit("max_user_namespaces")
        let run = try world.start("/usr/bin/env", around + [World.binary, "run", "host", "true"]).finish()
        #expect(
            run.errors.hasSuffix(
                "as root: `sysctl -w user.max_user_namespaces=15000`; `sandbox doctor` tells more\n"), "\(run.errors)")
        let masked = Refusal.bwrap + ["--ro-bind", "/sys/kernel", "/sys/kernel"]
        let other = try world.start("/usr/bin/env", masked + [World.binary, "run", "host", "true"]).finish()
        #expect(!other.errors.contains("doctor"), "\(other.errors)")
    }

    @Test func peopleGetALineACheckAndWhatToPaste() throws {
        let world = try World()
        let around = Refusal.limit("max_user_namespaces")
        let outcome = try world.start("/usr/bin/env", around + [World.binary, "doctor"]).finish()
        #expect(outcome.status == 1 && outcome.errors.isEmpty)
        #expect(outcome.lines.contains { $0.hasPrefix("✗ user namespaces") && $0.hasSuffix("missing") })
        #expect(outcome.output.contains("\n    # as root\n    sysctl -w user.max_user_namespaces=15000\n"))
        #expect(outcome.lines.last == "no sandbox can be started here")
        // Not a terminal: no colours.
        #expect(!outcome.output.contains("\u{1b}"))
        let healthy = try world.sandbox(["doctor"])
        #expect(healthy.lines.last == "a sandbox can be started here" && healthy.status == 0, "\(healthy.output)")
    }

    // What is done without.

    @Test func aFilterThatRefusesLandlockIsNoObstacle() throws {
        let report = try doctor(try World(), around: Refusal.calls("landlock_create_ruleset=ENOSYS"))
        #expect(report.status == 0)
        #expect(report.state("Landlock") == "degraded" && report["Landlock"]?.cause.contains("has no Landlock") == true)
    }

    @Test func withoutNewuidmapThereIsOneID() throws {
        let report = try doctor(
            try World(), around: Refusal.bwrap + ["--ro-bind", "/dev/null", "/usr/bin/newuidmap"])
        #expect(report.status == 0 && report.state("subordinate ids") == "degraded", "\(report)")
        // Not even a device is executable: it is as if it were not there.
        #expect(report["subordinate ids"]?.cause.contains("newuidmap") == true, "\(report)")
        // Something is mounted in /usr now, which keeps it from being a layer; an image can be run.
        #expect(
            report.state("host folders") == "degraded" && report["host folders"]?.cause.contains("/usr/bin") == true)
        #expect(report.state("command") == "ok" && report["sandbox run"] == nil)
    }

    @Test func aNewuidmapWithoutRightsIsNamed() throws {
        let world = try World()
        try world.sh("cp /usr/bin/newuidmap plain && chmod 755 plain")
        let report = try doctor(
            world, around: Refusal.bwrap + ["--ro-bind", world.folder + "/plain", "/usr/bin/newuidmap"])
        #expect(report.status == 0)
        #expect(report["subordinate ids"]?.remedy == "# as root\nchmod u+s /usr/bin/newuidmap", "\(report)")
    }

    /// mount(2) as the caller itself: mount(8) wants to be root, and newuidmap(1) not to be under no_new_privs.
    @Test func anEmptySubuidIsNamedWithTheLineToPaste() throws {
        let world = try World()
        let script = """
            import ctypes, os, sys
            assert ctypes.CDLL(None).mount(b"/dev/null", b"/etc/subuid", None, 4096, None) == 0
            os.execv(sys.argv[1], sys.argv[1:])
            """
        let report = try doctor(
            world,
            around: ["unshare", "--user", "--mount", "--map-current-user", "--keep-caps", "python3", "-c", script])
        #expect(report.status == 0 && report.state("subordinate ids") == "degraded")
        let remedy = report["subordinate ids"]?.remedy ?? ""
        #expect(remedy.contains(/usermod --add-subuids \d+-\d+ --add-subgids \d+-\d+ [a-z]/), "\(report)")
    }

    @Test func insideOfAnotherUserNamespaceThereIsOneID() throws {
        let world = try World()
        let report = try doctor(world, around: ["unshare", "-Ur"])
        #expect(report.status == 0 && report["subordinate ids"]?.cause.contains("no other id") == true, "\(report)")
        let run = try world.start("/usr/bin/unshare", ["-Ur", World.binary, "run", "host", "id", "-u"]).finish()
        #expect(run.status == 0 && run.output == "0\n", "\(run.errors)")
    }

    /// The data folder on an overlay: another overlay's upper can't be there.
    @Test func aFileSystemThatHoldsNoUpperIsNamed() throws {
        let world = try World()
        let script = """
            cd "$HOME" && mount -t tmpfs none . && cd "$HOME" && mkdir lower upper work data &&
            mount -t overlay -o userxattr,lowerdir=lower,upperdir=upper,workdir=work none data &&
            XDG_DATA_HOME=$PWD/data XDG_CACHE_HOME=$PWD/cache exec "$@"
            """
        let around = ["unshare", "-Urm", "sh", "-c", script, "sh"]
        let report = try doctor(world, around: around)
        #expect(report.status == 0)
        let check = try #require(report["overlay on disk"])
        #expect(check.state == "degraded" && check.cause.contains("(overlay) can't hold an overlay's changes"))
        #expect(check.remedy.contains("XDG_DATA_HOME"))
        let run = try world.start(
            "/usr/bin/env", around + [World.binary, "run", "--upper", "disk", "host", "true"]
        ).finish()
        #expect(run.status == 125 && run.errors.contains("(overlay) can't hold an overlay's changes"), "\(run.errors)")
    }

    @Test func aDeviceForTunnelsThatIsNotThereIsTold() throws {
        let report = try doctor(try World(), around: ["bwrap", "--dev-bind", "/", "/", "--dev", "/dev"])
        #expect(report["network tunnel"]?.remedy.contains("modprobe tun") == true, "\(report)")
        let without = try doctor(try World(), environment: ["PATH": "/nowhere"])
        #expect(without.status == 0 && without.state("pasta") == "degraded")
    }

    // Folders and files.

    @Test(.enabled(if: geteuid() != 0, "root writes anywhere"))
    func aHomeThatCanNotBeWrittenIsNamed() throws {
        let world = try World()
        try world.sh("chmod 500 home")
        let report = try doctor(world)
        #expect(report.status == 1 && report.missing?.name == "cache folder")
        #expect(report.missing?.remedy == "# give yourself the right\nchmod u+rwx \(world.home)", "\(report)")
        let run = try world.sandbox(["run", "host", "true"])
        #expect(run.status == 125)
        try world.sh("\(try #require(report.missing?.remedy))")
        #expect(try doctor(world).status == 0)
    }

    @Test(.enabled(if: geteuid() != 0, "to root no folder is another's"))
    func aDataFolderOfAnotherIsNamed() throws {
        let world = try World()
        let data = world.home + "/.local/share/sandbox"
        let made = try world.sh(
            "mkdir -p \(data) && unshare -r --map-auto sh -c 'chmod 777 \(data) && chown 5:5 \(data)'")
        try #require(made.status == 0, "\(made.errors)")
        let report = try doctor(world)
        #expect(report.status == 1 && report.missing?.name == "data folder", "\(report)")
        #expect(report["data folder"]?.cause.contains("belongs to") == true)
        let run = try world.sandbox(["run", "host", "true"])
        #expect(run.status == 125 && run.errors.contains(report["data folder"]?.cause ?? "?"), "\(run.errors)")
        #expect(report["data folder"]?.remedy.contains("chown -R \(geteuid()):\(getegid()) \(data)") == true)
    }

    @Test func anInstallationThatIsNotWholeIsNamed() throws {
        let world = try World()
        try world.sh(
            """
            mkdir -p p/bin p/libexec/sandbox p/share/sandbox
            cp '\(World.binary)' p/bin/sandbox && cp '\(World.manage)' p/libexec/sandbox/sandbox-manage
            """)
        let report = try doctor(world, binary: world.folder + "/p/bin/sandbox")
        #expect(report.status == 1 && report.missing?.name == "installation")
        #expect(report.missing?.cause.contains("/p/share/sandbox/profiles/default.toml") == true, "\(report)")
        #expect(report.missing?.remedy.contains("make install") == true)
        // The launch itself can be tried nevertheless.
        #expect(report.state("command") == "ok")
    }

    /// In minutes: systemd, sysctls, Linux 6.1. See Tests/VM/doctor.
    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment["SANDBOX_TEST_VM"] == "1",
            "takes minutes and root: SANDBOX_TEST_VM=1"))
    func onAWholeMachine() throws {
        let world = try World()
        let top = URL(fileURLWithPath: #filePath + "/../../..").standardized.path
        let build = World.binary.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
        // The machine's base system is kept in the caller's own cache folder.
        let home = ["HOME": NSHomeDirectory()]
        let outcome = try world.start("\(top)/Tests/VM/doctor", [build], environment: home).finish()
        if outcome.status == 77 { try Test.cancel("\(outcome.output)") }
        #expect(outcome.status == 0 && outcome.output.contains("all passed"), "\(outcome.output)\(outcome.errors)")
    }
}
