import LaunchPlan
import SandboxPolicy
import Testing

struct LaunchPlanTests {
    private func facts() -> Facts {
        var facts = Facts()
        (facts.uid, facts.gid, facts.userName) = (1000, 1000, "ada")
        facts.hostRoot = [
            HostEntry(name: "usr", kind: .folder), HostEntry(name: "etc", kind: .folder),
            HostEntry(name: "bin", kind: .link(to: "usr/bin")), HostEntry(name: "home", kind: .folder),
        ]
        return facts
    }

    private func plan(_ settings: [Setting] = [], _ root: RootSource = .folder("/r"), layers: [String] = []) throws
        -> LaunchPlan
    {
        let policy = try Policy(Policy.builtIn + settings)
        return try LaunchPlan(
            LaunchRequest(
                policy: policy, facts: facts(), root: root, layers: layers, upper: nil,
                identity: try IdentityMap(policy.identity, facts()), command: ["true"]))
    }

    @Test func ownLimitsAreMountedReadOnlyAndOnlyWhereThereAreAny() throws {
        let line = CgroupMembership(line: "4:cpu,cpuacct:/user.slice/a:b")
        #expect(line?.controllers == ["cpu", "cpuacct"] && line?.path == "/user.slice/a:b")
        #expect(CgroupMembership(line: "0::/a")?.controllers == [])
        for text: Substring in ["0::/", "3:cpuset:/", "", "x", "1:b"] { #expect(CgroupMembership(line: text) == nil) }
        #expect(OwnLimits.none.steps.isEmpty)
        let steps = OwnLimits.version2.steps + OwnLimits.version1([["cpu", "cpuacct"], ["memory"]]).steps
        #expect(
            steps.map(\.description) == [
                "mount cgroup2 at /sys/fs/cgroup (ro,nosuid,nodev,noexec)",
                "mount tmpfs at /sys/fs/cgroup (nosuid,nodev,noexec), mode=755, size=4k",
                "mount cgroup at /sys/fs/cgroup/cpu,cpuacct (ro,nosuid,nodev,noexec), cpu, cpuacct",
                "mount cgroup at /sys/fs/cgroup/memory (ro,nosuid,nodev,noexec), memory",
            ])
        #expect(!(try plan().steps.contains { $0.description.contains("cgroup") }))
    }

    @Test func layersStackInOrder() throws {
        let steps = try plan([], .image(name: "i", layers: ["/l1", "/l2"]), layers: ["/mine"]).steps
        #expect(
            steps.contains(
                .mountOverlay(
                    at: "/", lowers: [.slot(1), .scratch("files"), .slot(3), .slot(2), .scratch("points")],
                    upper: .memory("root"))))
    }

    @Test func hostFoldersHaveAnOverlayEachAndHomesNone() throws {
        let steps = try plan([], .host).steps
        let places = steps.compactMap { if case .mountOverlay(let place, _, _) = $0 { place } else { nil } }
        #expect(places == ["/", "/usr", "/etc"])
        #expect(steps.contains(.makeLink(scratch: "points/bin", to: "usr/bin")))
    }

    @Test func onlySystemFoldersOfTheHostAreShown() throws {
        var facts = facts()
        facts.hostRoot += ["data", "projects", "export", "var"].map { HostEntry(name: $0, kind: .folder) }
        facts.hostRoot.append(HostEntry(name: "u", kind: .link(to: "var/people")))
        facts.hidden = ["/var/home", "/gnu/x"]
        facts.folderModes = ["/var": 0o751]
        let policy = try Policy(Policy.builtIn + [Setting(.bind, "/var/home/me/it", .commandLine)])
        let steps = try LaunchPlan(
            LaunchRequest(
                policy: policy, facts: facts, root: .host, layers: [], upper: nil,
                identity: try IdentityMap(policy.identity, facts), command: ["true"])
        ).steps
        let places = steps.compactMap { if case .mountOverlay(let place, _, _) = $0 { place } else { nil } }
        #expect(places == ["/", "/usr", "/etc", "/var"])
        #expect(!steps.contains(.makeLink(scratch: "points/u", to: "var/people")))
        #expect(steps.contains(.makeWhiteout(scratch: "hidden/var/home")))
        #expect(steps.contains(.makeFolder(scratch: "hidden/var", mode: 0o751)))
        #expect(steps.contains(.makeFolder(scratch: "files/var/home/me/it", mode: 0o755)))
        // What is not on this machine has nothing hidden.
        #expect(!steps.contains { $0.description.contains("gnu") })
        let stack = steps.compactMap { step in
            if case .mountOverlay("/var", let lowers, _) = step { lowers } else { nil }
        }
        #expect(stack.first?.prefix(2) == [.scratch("files/var"), .scratch("hidden/var")])
    }

    @Test(arguments: [
        // People, wherever they live, but not in the place of what all share.
        (1000, "/var/home/ada", true), (1000, "/opt/ada-home", true), (1000, "/var/lib/ada", true),
        (1000, "/usr/home/ada", true), (1000, "/usr/share/ada", true), (1000, "/snap/ada", true),
        (1000, "/usr", false), (1000, "/usr/share", false), (1000, "/usr/local/lib", false), (1000, "/opt", false),
        (1000, "/", false), (1000, "/etc", false), (1000, "/var/lib", false), (1000, "/nix/store", false),
        (1000, "/home/ada", false), (1000, "/data/ada", false),
        // Services.
        (101, "/var/lib/jenkins", true), (101, "/var/lib/postgresql", true), (33, "/var/www", true),
        (101, "/opt/sonarqube", true), (7, "/var/spool/lpd", true), (101, "/var/opt/mssql", true),
        (1, "/usr/sbin", false), (2, "/bin", false), (5, "/usr/games", false), (6, "/var/cache/man", false),
        (37, "/var/lib/rpm", false), (101, "/usr/lib/dovecot", false), (101, "/etc/abrt", false),
        (65534, "/", false), (65534, "/var", false), (101, "/var/empty", false), (101, "/usr/share/httpd", false),
    ])
    func homesAreHiddenAndSystemFoldersAreNot(_ uid: Int, _ path: String, _ hidden: Bool) {
        #expect(HostView.hides(AccountHome(uid: UInt32(uid), path: path)) == hidden)
    }

    @Test func theCallersHomeIsHiddenWithItsNeighboursAndWhatIsOurs() {
        func hidden(_ callers: [String], _ own: [String] = []) -> [String] {
            HostView.hidden(accounts: [], callers: callers, own: own)
        }
        #expect(hidden(["/var/people/ada"]) == ["/var/people"])
        #expect(hidden(["/opt/ada"]) == ["/opt/ada"])
        #expect(hidden(["/var/lib/jenkins"]) == ["/var/lib/jenkins"])
        #expect(hidden(["/usr", "/", "/home/ada", "/nonexistent"]).isEmpty)
        #expect(
            hidden(["/var/x/ada"], ["/var/x-y", "/var/x/ada/.cache/sandbox", "/opt/s", "/data/sandbox", "/usr"])
                == ["/opt/s", "/var/x", "/var/x-y"])
    }

    @Test func nothingOfTheHostIsOpenedAfterSomethingIsMounted() throws {
        let steps = try plan([Setting(.bind, "/tmp/x:/y", .commandLine)]).steps
        let mounted = try #require(steps.firstIndex { if case .mountScratch = $0 { true } else { false } })
        for step in steps[mounted...] {
            switch step {
            case .openFolder, .copyTree: Issue.record("\(step)")
            default: break
            }
        }
        #expect(steps.last == .enterRoot)
    }

    @Test func theHostNetworkKeepsItsNamespace() throws {
        let closed = try plan()
        let open = try plan([Setting(.network, "host", .commandLine)])
        #expect(closed.namespaces.contains(.network) && closed.steps.contains(.beginNetwork))
        #expect(!open.namespaces.contains(.network) && !open.steps.contains(.enterNetwork))
    }

    @Test(arguments: [RootSource.folder("/r"), .host])
    func nestedMountsNothingOverTheKernelsFiles(_ root: RootSource) throws {
        for step in try plan([Setting(.nested, "true", .commandLine)], root).steps {
            switch step {
            case .mask, .protect, .mount(_, "/var/tmp", _, _): Issue.record("\(step)")
            default: break
            }
        }
        // What the user wants hidden is hidden all the same.
        let masked = try plan([Setting(.nested, "true", .commandLine), Setting(.mask, "/x", .commandLine)], root)
        #expect(masked.steps.contains(.hide("/x")))
    }

    @Test func theMasksAreFoundInTheirOwnFileSystem() throws {
        func steps(_ machineRoot: UInt32?) throws -> [Step] {
            var facts = facts()
            (facts.uid, facts.machineRoot) = (0, machineRoot)
            let policy = try Policy(Policy.builtIn)
            return try LaunchPlan(
                LaunchRequest(
                    policy: policy, facts: facts, root: .folder("/r"), layers: [], upper: nil,
                    identity: try IdentityMap(policy.identity, facts), command: ["true"])
            ).steps
        }
        let parts = try steps(nil).compactMap { if case .mask(let part) = $0 { part } else { nil } }
        // What Docker and podman mask, and everybody may read.
        let wanted = [
            "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/keys", "/proc/scsi", "/sys/dev/block",
            "/sys/devices/virtual/powercap", "/sys/firmware", "/sys/fs/selinux",
        ]
        #expect(parts.map(\.path).sorted() == wanted)
        #expect(parts.filter(\.isRequired).map(\.path) == ["/proc/interrupts", "/sys/firmware"])
        #expect(try steps(nil).contains(.maskOfProcessors("thermal_throttle")))
        // What is root's alone is closed where somebody inside is root.
        #expect(try steps(0).contains(.closeToRoot) && steps(0).contains(.settleLogin))
        #expect(try !steps(nil).contains(.closeToRoot) && !steps(nil).contains(.settleLogin))
    }

    @Test func whatIsMountedBelowComesLater() throws {
        let settings = ["/x/y", "/x"].map { Setting(.bind, "/tmp:" + $0, .commandLine) }
        let steps = try plan(settings + [Setting(.tmpfs, "/x/y/z", .commandLine), Setting(.tmpfs, "/a", .commandLine)])
            .steps
        let places = steps.compactMap { step -> String? in
            switch step {
            case .attach(_, let path): path
            case .mount(.tmpfs, let path, _, _): path
            default: nil
            }
        }
        #expect(places.suffix(4) == ["/a", "/x", "/x/y", "/x/y/z"])
    }

    @Test func theCurrentFolderIsNotShownWhereItIsTooMuch() throws {
        var facts = facts()
        facts.currentFolder = "/home/ada b"
        facts.wideFolder = .home
        let policy = try Policy(Policy.builtIn + [Setting(.here, "true", .profile("shell"))])
        func plan() throws(PolicyError) -> LaunchPlan {
            try LaunchPlan(
                LaunchRequest(
                    policy: policy, facts: facts, root: .host, layers: [], upper: nil,
                    identity: try IdentityMap(policy.identity, facts), command: ["true"]))
        }
        let error = #expect(throws: PolicyError.self) { try plan() }
        #expect(error?.description.hasPrefix("--here (profile shell) shows the current folder") == true)
        #expect(error?.description.contains("--bind '/home/ada b' for all of it") == true)
        facts.wideFolder = nil
        #expect(throws: Never.self) { try plan() }
    }

    @Test func nestedIsNotForTheRootOfTheMachine() throws {
        var facts = facts()
        (facts.uid, facts.machineRoot) = (0, 0)
        let policy = try Policy(Policy.builtIn + [Setting(.nested, "true", .commandLine)])
        func plan() throws(PolicyError) -> LaunchPlan {
            try LaunchPlan(
                LaunchRequest(
                    policy: policy, facts: facts, root: .host, layers: [], upper: nil,
                    identity: try IdentityMap(policy.identity, facts), command: ["true"]))
        }
        let error = #expect(throws: PolicyError.self) { try plan() }
        #expect(error?.description.contains("start it as an ordinary user") == true)
        // An id that may be the machine's root is refused where it is given out, whatever it is called.
        facts.machineRoot = 65534
        facts.ownUIDs = [(0, 65536)]
        facts.ownGIDs = facts.ownUIDs
        let ambiguous = #expect(throws: PolicyError.self) { try plan() }
        #expect(ambiguous?.description.contains("or use --id-map single") == true)
        facts.uid = 65534
        #expect(throws: PolicyError.self) { try plan() }
        facts.uid = 0
        facts.ownUIDs = [(0, 65534)]
        #expect(throws: Never.self) { try plan() }
        // The root of a sandbox is not that of the machine.
        facts.machineRoot = nil
        #expect(throws: Never.self) { try plan() }
    }

    @Test func rootInsideASandboxGivesOutWhatItHas() throws {
        var facts = facts()
        facts.uid = 0
        facts.ownUIDs = [(0, 1), (1, 65536)]
        facts.ownGIDs = facts.ownUIDs
        let range = try IdentityMap(.auto, facts)
        #expect(
            range.uids == [
                IDRange(inside: 0, outside: 0, count: 1), IDRange(inside: 1, outside: 1, count: 65535),
            ])
        #expect(range.writer == .launcher)
        facts.givesIDs = false
        #expect(try IdentityMap(.auto, facts).mode == .single)
        #expect(throws: PolicyError.self) { try IdentityMap(.range, facts) }
        facts.givesIDs = true
        facts.ownUIDs = [(0, 1)]
        #expect(try IdentityMap(.auto, facts).mode == .single)
    }

    @Test func withNoNewPrivilegesTheHelpersAreOfNoUse() throws {
        var facts = facts()
        facts.mapHelpers = nil
        facts.subordinateUIDs = [(100_000, 65536)]
        facts.subordinateGIDs = [(100_000, 65536)]
        facts.helperFault = .noNewPrivileges
        #expect(try IdentityMap(.auto, facts).mode == .single)
        let error = #expect(throws: PolicyError.self) { try IdentityMap(.range, facts) }
        #expect(error?.description.contains("no_new_privs") == true)
    }

    @Test func identityFollowsWhatTheCallerHas() throws {
        var facts = facts()
        #expect(try IdentityMap(.auto, facts).mode == .single)
        let helpers = #expect(throws: PolicyError.self) { try IdentityMap(.range, facts) }
        #expect(helpers?.description.contains("install the package uidmap") == true)
        facts.mapHelpers = ("/usr/bin/newuidmap", "/usr/bin/newgidmap")
        let ids = #expect(throws: PolicyError.self) { try IdentityMap(.range, facts) }
        #expect(ids?.description.contains("usermod --add-subuids") == true)
        facts.subordinateUIDs = [(100_000, 65536)]
        facts.subordinateGIDs = [(100_000, 65536)]
        let range = try IdentityMap(.auto, facts)
        #expect(
            range.uids == [
                IDRange(inside: 0, outside: 1000, count: 1), IDRange(inside: 1, outside: 100_000, count: 65536),
            ])
        facts.uid = 0
        facts.machineRoot = 0
        let root = try IdentityMap(.auto, facts)
        #expect(root.uids == [IDRange(inside: 0, outside: 0, count: 65536)])
        #expect(root.rootOutside(facts).contains("is root (0) outside"))
    }

    @Test func failuresKeepTheirMeaningOverThePipe() throws {
        for stage in [
            LaunchStage.namespaces, .identity, .step(3), .user, .workdir, .capabilities, .landlock, .filter, .command,
        ] {
            let failure = LaunchFailure(stage, errno: 13, object: "a b")
            #expect(LaunchFailure(encoded: failure.encoded) == failure)
        }
        #expect(LaunchFailure(.command, errno: 2).exitStatus == 127)
        #expect(LaunchFailure(.command, errno: 2, object: "/bin/x").exitStatus == 126)
        #expect(LaunchFailure(.command, errno: 13, object: "/bin/x").exitStatus == 126)
        #expect(LaunchFailure(.step(0), errno: 13).exitStatus == 125)
    }

    @Test func theRemedyOfAppArmorIsAProfileForTheLauncher() throws {
        var limits = HostLimits()
        limits.appArmorRestricts = true
        limits.launcher = "/opt/s/bin/sandbox"
        let plan = try plan()
        // The namespace itself may be given, and the rights in it not: the first step that needs some fails.
        for failure in [LaunchFailure(.namespaces, errno: 1), LaunchFailure(.step(0), errno: 1)] {
            #expect(failure.need(plan) == .userNamespaces)
            let diagnosis = failure.diagnosis(plan, limits, reason: "refused")
            #expect(diagnosis.cause.contains("kernel.apparmor_restrict_unprivileged_userns is 1"))
            let lines = diagnosis.remedy.lines
            #expect(lines.contains("profile sandbox /opt/s/bin/sandbox flags=(unconfined) {"))
            #expect(lines.contains("  userns,") && lines.last == "apparmor_parser -r /etc/apparmor.d/sandbox")
            // A line has no room for a profile.
            #expect(diagnosis.line.hasSuffix("an AppArmor profile for this program; `sandbox doctor` tells more"))
            #expect(!diagnosis.line.contains("\n"))
        }
    }

    @Test func aRefusalIsToldByWhatTheMachineForbids() throws {
        let failure = LaunchFailure(.namespaces, errno: 1)
        let plan = try plan()
        func cause(_ change: (inout HostLimits) -> Void) -> String {
            var limits = HostLimits()
            change(&limits)
            return failure.diagnosis(plan, limits, reason: "refused").cause
        }
        #expect(cause { $0.refusesUnprivileged = true }.contains("kernel.unprivileged_userns_clone is 0"))
        #expect(cause { $0.hasFilter = true }.contains("seccomp filter around this process"))
        #expect(cause { $0.isChrooted = true }.contains("chroot"))
        #expect(cause { _ in }.contains("security module"))
    }

    @Test func aCallThatIsNotThereIsTheKernelsFaultOrAFilters() throws {
        let failure = LaunchFailure(.namespaces, errno: 38)
        let plan = try plan()
        var limits = HostLimits()
        limits.kernel = (4, 19)
        #expect(failure.diagnosis(plan, limits, reason: "no").cause.contains("4.19, is too old"))
        limits.kernel = (6, 1)
        #expect(failure.diagnosis(plan, limits, reason: "no").cause.contains("seccomp filter"))
    }

    @Test func aLayerWithMountsInItIsNamed() throws {
        let plan = try plan([], .host)
        let index = try #require(
            plan.steps.firstIndex { if case .mountOverlay("/etc", _, _) = $0 { true } else { false } })
        let failure = LaunchFailure(.step(index), errno: 22)
        var limits = HostLimits()
        limits.mountPoints = ["/", "/etcetera", "/etc/hosts"]
        #expect(failure.lockedMount(plan, limits) == "/etc/hosts")
        #expect(failure.diagnosis(plan, limits, reason: "no").cause.contains("\"/etc/hosts\""))
        limits.mountPoints = ["/", "/etc"]
        #expect(failure.lockedMount(plan, limits) == nil)
    }

    @Test func whatIsPastedIsQuotedForAShell() {
        let fault = FolderFault(
            wanted: "/home/a'b/x", path: "/home/a'b/x", owner: "root (0)", reason: "refused", isPermission: true,
            isBelowOwnHome: true, variable: "XDG_CACHE_HOME")
        let diagnosis = Diagnosis.folder(fault, facts(), without: "nothing works")
        #expect(diagnosis.remedy.lines.last == #"chown -R 1000:1000 '/home/a'\''b/x'"#)
    }

    @Test func rootOfANamespaceWithOneIDGetsOne() throws {
        var facts = facts()
        facts.uid = 0
        facts.ownUIDs = [(0, 1)]
        let map = try IdentityMap(.auto, facts)
        #expect(map.mode == .single && map.writer == .child)
        #expect(IdentityMap.whyOne(facts)?.cause.contains("no other id") == true)
        let range = #expect(throws: PolicyError.self) { try IdentityMap(.range, facts) }
        #expect(range?.description.contains("no other id") == true)
    }
}
