// What a filter decides, call by call, asked in the running sandbox; beside crun with the same file.

import Foundation
import LinuxSystem
import SandboxPolicy
import TestWorld
import Testing

struct DecisionTests {
    let world: World

    init() throws {
        world = try World()
        try world.sh("mkdir -p root/proc root/dev root/sys root/etc root/tmp bundle")
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("decisions.c")
        let compiled = try world.sh("gcc -O2 -static '\(source.path)' -o root/decisions")
        try #require(compiled.status == 0, "\(compiled.errors)")
    }

    /// Answers by `ARGUMENTS NUMBER`: an errno, or 999 where the call is allowed.
    private func decisions(_ outcome: Outcome) throws -> [String: Int] {
        try #require(outcome.status == 0, "\(outcome.errors)")
        var answers: [String: Int] = [:]
        for line in outcome.lines {
            let words = line.split(separator: " ")
            guard words.count == 3, let number = Int(words[2]) else { throw Errno.invalid }
            answers["\(words[0]) \(words[1])"] = number
        }
        try #require(answers.count > 30000)
        return answers
    }

    static let allowed = 999

    private func ours(_ filter: String) throws -> [String: Int] {
        // With a range of ids nothing is emulated. Strict leaves few requests of ioctl, and none of a listener's, which
        // the asking needs.
        let options = ["--id-map", "range", "--seccomp", filter] + (filter == "strict" ? ["--allow", "ioctl"] : [])
        return try decisions(try world.sandbox(["run"] + options + ["./root", "/decisions"]))
    }

    /// crun's answers. It refuses a hybrid cgroup tree, so it gets to see an empty one.
    private func theirs(_ filter: String) throws -> [String: Int] {
        let configuration = try JSONSerialization.data(withJSONObject: try Self.bundle(filter, world.root))
        try configuration.write(to: URL(fileURLWithPath: world.folder + "/bundle/config.json"))
        return try decisions(
            try world.sh(
                """
                unshare -Urm sh -c 'mount -t tmpfs none /sys/fs/cgroup &&
                  exec crun --root "$PWD/crun" --cgroup-manager=disabled run --bundle "$PWD/bundle" decisions'
                """))
    }

    static var capabilities: [String] { CapabilitySet.standard.members.map { "\($0)".uppercased() } }

    /// A container with the sandbox's own capabilities and no new privileges.
    private static func bundle(_ filter: String, _ root: String) throws -> [String: Any] {
        let one = [["containerID": 0, "hostID": 0, "size": 1]]
        return [
            "ociVersion": "1.0.0",
            "process": [
                "terminal": false, "user": ["uid": 0, "gid": 0], "args": ["/decisions"], "cwd": "/",
                "noNewPrivileges": true,
                "capabilities": ["bounding": capabilities, "effective": capabilities, "permitted": capabilities],
            ] as [String: Any],
            "root": ["path": root, "readonly": true] as [String: Any],
            "mounts": [
                ["destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]] as [String: Any],
                ["destination": "/proc", "type": "proc", "source": "proc"],
            ],
            "linux": [
                "namespaces": ["pid", "mount", "user"].map { ["type": $0] }, "uidMappings": one, "gidMappings": one,
                "seccomp": try plain(filter),
            ] as [String: Any],
        ]
    }

    /// An engine's file as the engine hands it to its runtime: without the rules that don't count here.
    private static func plain(_ filter: String) throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(try Files.read(filter)))
        let file = try #require(object as? [String: Any])
        let kernel = Kernel.version
        func counts(_ rule: [String: Any]) -> Bool {
            func conditions(_ key: String) -> (caps: [String], arches: [String], kernel: [Int]?) {
                let given = rule[key] as? [String: Any] ?? [:]
                let version = (given["minKernel"] as? String)?.split(separator: ".").compactMap { Int($0) }
                return (given["caps"] as? [String] ?? [], given["arches"] as? [String] ?? [], version)
            }
            let (wanted, unwanted) = (conditions("includes"), conditions("excludes"))
            return wanted.caps.allSatisfy(capabilities.contains)
                && !unwanted.caps.contains(where: capabilities.contains)
                && (wanted.arches.isEmpty || wanted.arches.contains("amd64")) && !unwanted.arches.contains("amd64")
                && wanted.kernel.map { (kernel.major, kernel.minor) >= ($0[0], $0[1]) } ?? true
        }
        var rules: [[String: Any]] = []
        for rule in try #require(file["syscalls"] as? [[String: Any]]) where counts(rule) {
            rules.append(
                rule.filter { ["names", "action", "args", "errnoRet"].contains($0.key) && !($0.value is NSNull) })
        }
        var plain = file.filter { ["defaultAction", "defaultErrnoRet"].contains($0.key) && !($0.value is NSNull) }
        plain["architectures"] = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
        plain["syscalls"] = rules
        return plain
    }

    /// As Debian's packages golang-github-containers-common and golang-github-docker-docker-dev have them.
    static let podman = "/usr/share/containers/seccomp.json"
    static let docker = "/usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json"
    static let files = [podman, docker].filter { Files.isAccessible($0, 4) }
    static let hasCrun = Files.isAccessible("/usr/bin/crun", 1) && files.contains(podman)
    #if arch(x86_64)
    static let asksHere = true
    #else
    static let asksHere = false
    #endif

    @Test(
        .enabled(if: asksHere, "decisions.c is for x86_64"), .enabled(if: hasCrun, "needs crun and podman's filter"),
        arguments: files)
    func everyCallIsDecidedAsByCrun(_ file: String) throws {
        let (ours, theirs) = (try ours(file), try theirs(file))
        #expect(Set(ours.keys) == Set(theirs.keys))
        let native = theirs.filter { !$0.key.contains("x32:") }
        let different = native.filter { ours[$0.key] != $0.value }
        #expect(different.isEmpty, "\(different.prefix(20))")
        // Both have allowed and refused a good part; otherwise they would agree on nothing.
        #expect(native.values.filter { $0 == Self.allowed }.count > native.count / 4)
        #expect(native.values.filter { $0 != Self.allowed }.count > native.count / 8)
        // The file opens x32 as well, and crun follows it. Here a foreign interface is refused as a whole.
        let foreign = ours.filter { $0.key.contains("x32:") }
        #expect(!foreign.isEmpty && foreign.values.allSatisfy { $0 == 1 })
    }

    @Test(
        .enabled(if: asksHere, "decisions.c is for x86_64"), .enabled(if: hasCrun, "needs podman's filter"),
        arguments: ["default", "build", "strict"])
    func noFewerCallsAreRefusedThanByPodman(_ filter: String) throws {
        func refused(_ answers: [String: Int]) -> Int {
            answers.filter { $0.key.hasPrefix("0,0,0 ") && $0.value != Self.allowed }.count
        }
        let (own, podmans) = (try refused(ours(filter)), try refused(ours(Self.podman)))
        #expect(own >= podmans, "\(own), \(podmans)")
    }

    @Test(
        .enabled(if: asksHere, "decisions.c is for x86_64"), arguments: ["default", "build", "strict"])
    func everyAnswerIsOneThatProgramsKnow(_ filter: String) throws {
        let answers = try ours(filter)
        // EPERM, ENOSYS, and of sockets EAFNOSUPPORT.
        #expect(Set(answers.values) == [Self.allowed, 1, 38, 97])
        #expect(answers["10,3,9 41"] == 97 && answers["10,3,b 41"] == 97 && answers["100000010,3,10000000b 41"] == 97)
        #expect(answers["10,3,0 41"] == (filter == "strict" ? 97 : Self.allowed))
        // statmount, newer than the library that compiles the filter may be.
        #expect(answers["0,0,0 457"] == (filter == "strict" ? 1 : Self.allowed))
        #expect(answers.filter { $0.key.contains("x32:") }.values.allSatisfy { $0 == 1 })
        // TIOCSTI with a bit above the 32 that the kernel looks at.
        #expect(answers["0,100005412,0 16"] == (filter == "strict" ? Self.allowed : 1))
        #expect(answers["0,5401,0 16"] == Self.allowed)
        #expect(answers["0,0,0 600"] == 38)
    }
}
