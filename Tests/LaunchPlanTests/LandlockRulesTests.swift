import LaunchPlan
import SandboxPolicy
import Testing

struct LandlockRulesTests {
    private func plan(_ settings: [Setting], version: Int = 7, _ root: RootSource = .folder("/r")) throws -> LaunchPlan
    {
        var facts = Facts()
        (facts.uid, facts.gid, facts.userName) = (1000, 1000, "ada")
        facts.landlockVersion = version
        facts.currentFolder = "/home/ada/p"
        facts.boundFiles = ["/a/file"]
        let policy = try Policy(Policy.builtIn + settings)
        return try LaunchPlan(
            LaunchRequest(
                policy: policy, facts: facts, root: root, layers: [], upper: nil,
                identity: try IdentityMap(policy.identity, facts), command: ["true"]))
    }

    private func rules(_ settings: [Setting] = [], version: Int = 7, _ root: RootSource = .folder("/r")) throws
        -> LandlockRules?
    {
        try plan(settings, version: version, root).execution.landlock
    }

    private func line(_ option: Option, _ value: String) -> Setting { Setting(option, value, .commandLine) }

    /// The paths that may be written to.
    private func paths(_ rules: LandlockRules?) -> [String] {
        (rules?.fileRules ?? []).compactMap {
            if case .path(let path) = $0.place, path != "/dev/mqueue", $0.rights.contains(.write) { path } else { nil }
        }
    }

    @Test func aWritableRootIsOneRuleAndDevicesAreOfDev() throws {
        let rules = try #require(try rules([line(.bind, "/a:/b:ro"), line(.here, "true")]))
        #expect(
            rules.fileRules == [
                FileRule(place: .path("/"), rights: [.write, .make, .remove, .refer]),
                FileRule(place: .path("/dev"), rights: .control),
                FileRule(place: .path("/dev/mqueue"), rights: .write),
                FileRule(place: .standardDescriptors, rights: [.write, .control]),
            ])
        #expect(rules.isScoped)
        #expect(try self.rules([], .host)?.fileRules == rules.fileRules)
    }

    @Test func underAReadOnlyRootEachWritablePlaceIsOne() throws {
        let readOnly = line(.readOnly, "true")
        #expect(try paths(rules([readOnly])) == ["/proc", "/dev", "/tmp"])
        #expect(try paths(rules([readOnly], .host)) == ["/proc", "/dev", "/tmp", "/var/tmp"])
        #expect(
            try paths(
                rules([
                    readOnly, line(.tmpfs, "/data/"), line(.bind, "/a:/w"), line(.bind, "/a:/r:ro"),
                    line(.bind, "/a/file:/f"), line(.here, "true"),
                ])) == ["/proc", "/dev", "/tmp", "/data", "/w", "/f", "/home/ada/p"])
    }

    @Test func whatIsCoveredIsNoPlaceToWriteTo() throws {
        let readOnly = line(.readOnly, "true")
        #expect(
            try paths(
                rules([
                    readOnly, line(.tmpfs, "/w/deep"), line(.bind, "/a:/w"), line(.bind, "/b:/w:ro"),
                    line(.tmpfs, "/m/x"), line(.mask, "/m"), line(.bind, "/c:/tmp:ro"),
                ])) == ["/proc", "/dev", "/w/deep"])
    }

    @Test func filesHaveTheRightsOfFiles() throws {
        let rules = try rules([line(.readOnly, "true"), line(.bind, "/a/file:/f")])
        #expect(rules?.fileRules.contains(FileRule(place: .path("/f"), rights: [.write, .truncate])) == true)
        #expect(rules?.fileRules.contains(FileRule(place: .path("/proc"), rights: [.write, .truncate])) == true)
    }

    @Test func olderVersionsHoldWhatTheyKnow() throws {
        #expect(try rules(version: 0) == nil)
        // Renames between folders would fail.
        #expect(try rules(version: 1) == nil)
        let two = try #require(try rules([line(.readOnly, "true")], version: 2))
        #expect(!two.isScoped && !two.heldFiles.contains(.truncate) && !two.heldFiles.contains(.control))
        #expect(try rules([line(.readOnly, "true")], version: 3)?.heldFiles.contains(.truncate) == true)
        #expect(try rules([], version: 5)?.isScoped == false)
    }

    @Test func whoMayMountIsNotHeldByFiles() throws {
        let rules = try #require(try rules([line(.capAdd, "cap_sys_admin")]))
        #expect(rules.heldFiles.isEmpty && rules.fileRules.isEmpty && rules.isScoped)
        func mountsQueues(_ settings: [Setting]) throws -> Bool {
            try plan(settings).steps.contains { if case .mount(.mqueue, _, _, _) = $0 { true } else { false } }
        }
        #expect(try mountsQueues([]) && !mountsQueues([line(.capAdd, "cap_sys_admin")]))
    }

    @Test func requiredIsAnErrorWhereSomethingIsMissing() throws {
        for version in [0, 2, 5] {
            let error = #expect(throws: PolicyError.self) { try rules([line(.landlock, "required")], version: version) }
            #expect(error?.description.hasPrefix("--landlock required: this kernel ") == true)
            #expect(error?.description.contains("--landlock when-available") == true)
        }
        #expect(try rules([line(.landlock, "required")], version: 6) == rules(version: 6))
    }

    @Test func onlyThoseWhoAskedAreTold() throws {
        let asked = Setting(.landlock, "when-available", .profile("p"))
        #expect(try plan([], version: 0).omissions.isEmpty)
        #expect(try plan([asked], version: 0).omissions.count == 1)
        #expect(try plan([asked], version: 2).omissions.first?.contains("version 2") == true)
        #expect(try plan([asked], version: 6).omissions.isEmpty)
        #expect(try plan([line(.landlock, "off")], version: 0).omissions.isEmpty)
        #expect(try rules([line(.landlock, "off")]) == nil)
    }

    @Test func portsAreHeldOrAnError() throws {
        let ports = [
            line(.tcpConnect, "443"), line(.tcpConnect, "80"), line(.tcpConnect, "443"), line(.tcpBind, "none"),
        ]
        let rules = try #require(try rules(ports, version: 4))
        #expect(rules.tcpConnect == [443, 80] && rules.tcpBind == [])
        for version in [0, 3] {
            let error = #expect(throws: PolicyError.self) { try self.rules(ports, version: version) }
            #expect(error?.description.hasPrefix("--tcp-connect: ") == true)
        }
        #expect(try self.rules([line(.tcpConnect, "443"), line(.tcpConnect, "none")])?.tcpConnect == [])
        #expect(throws: PolicyError.self) { try self.rules([line(.tcpBind, "1"), line(.landlock, "off")]) }
    }
}
