// Records come back from their bytes; what is made of them holds whatever a sandbox wrote into them.

import BPF
import Observations
import SandboxPolicy
import Testing

@testable import Reports

private let native = SystemCall.nativeArchitecture

private func record(
    _ seen: [(observation: Observation, count: Int)], settings: [Setting] = Policy.builtIn
) -> ObservationRecord {
    ObservationRecord(
        folder: "/work", time: 1_700_000_000, command: ["host", "tool", "two words", ""], filter: "/f.json",
        settings: settings, seen: seen, unlisted: 2)
}

private func used(_ number: UInt32, _ texts: String..., kind: Observation.Kind = .used) -> (
    observation: Observation, count: Int
) {
    (Observation(kind, SystemCall(number: number), texts: texts), 1)
}

struct RecordTests {
    @Test func recordsComeBackFromTheirBytes() throws {
        let call = SystemCall(number: 165, architecture: 3)
        let whole = record([
            (Observation(.refused, call, argument: .max, texts: ["", "a\nb", "\u{1b}"]), 7),
            (Observation(.connection, SystemCall(number: 42), texts: ["[::1]:80"]), 1),
        ])
        #expect(ObservationRecord(encoded: whole.encoded) == whole)
        #expect(ObservationRecord(encoded: record([]).encoded) == record([]))
    }

    /// The file lies in the user's cache, but nothing is taken for granted.
    @Test func damagedRecordsAreNone() {
        let bytes = record([used(1, "x")]).encoded
        for length in 0..<bytes.count { _ = ObservationRecord(encoded: Array(bytes[..<length])) }
        #expect(ObservationRecord(encoded: []) == nil)
        #expect(ObservationRecord(encoded: Words.join(["sandbox observations 1", "/", "1", "", "0", "99"])) == nil)
        #expect(ObservationRecord(encoded: Words.join(["sandbox observations 1", "/", "1", "", "0", "-1"])) == nil)
        #expect(
            ObservationRecord(encoded: Words.join(["sandbox observations 2"] + Words.split(bytes).dropFirst())) == nil)
    }

    @Test func flagsAndRequestsHaveNames() {
        #expect(CallWords.argument("unshare", 0x1002_0000) == "CLONE_NEWNS|CLONE_NEWUSER")
        #expect(CallWords.argument("clone", 0x1000_0011) == "CLONE_NEWUSER")
        #expect(CallWords.argument("unshare", 0) == "0x0")
        // The kernel looks at the low half only.
        #expect(CallWords.argument("ioctl", 0xffff_ffff_0000_5412) == "TIOCSTI")
        #expect(CallWords.argument("socket", 40) == "AF_VSOCK")
    }
}

#if arch(x86_64)
struct LearnedProfileTests {
    private func learned(_ seen: (observation: Observation, count: Int)..., settings: [Setting] = Policy.builtIn)
        -> LearnedProfile
    { LearnedProfile(record(seen, settings: settings), base: "strict") }

    @Test func callsThatWereMadeAreListed() {
        let profile = learned(used(202), used(1), used(39), used(165, kind: .refused))
        #expect(profile.systemCalls.contains("getpid") && profile.systemCalls.contains("execve"))
        #expect(!profile.systemCalls.contains("mount"))
        #expect(profile.text.contains("#   mount, once"))
    }

    @Test func capabilitiesFollowFromCalls() {
        let profile = learned(used(92, "/f"), used(105), used(2, "/root/x", kind: .override), used(49, "0.0.0.0:80"))
        #expect(
            profile.capabilities.map(\.capability) == [
                .cap_chown, .cap_dac_override, .cap_fowner, .cap_fsetid, .cap_setuid, .cap_net_bind_service,
            ])
        #expect(learned(used(49, "0.0.0.0:8080")).capabilities.isEmpty)
        #expect(learned().text.contains("cap-drop = [\"ALL\"]"))
    }

    @Test func theNetworkIsOpenedForThoseWhoUsedIt() {
        let open = Policy.builtIn + [Setting(.network, "host", .commandLine)]
        #expect(
            learned(used(42, "127.0.0.1:80"), used(50), used(42, ""), settings: open).text.contains(
                "network = \"none\""))
        // Whoever serves nobody has met the host's loopback.
        #expect(learned(used(42, "127.0.0.1:80"), settings: open).text.contains("network = \"host\""))
        #expect(learned(used(42, "192.0.2.1:443"), settings: open).text.contains("network = \"host\""))
        #expect(learned(used(42, "192.0.2.1:443")).text.contains("network = \"none\""))
    }

    @Test func theRootIsReadOnlyWhereNothingChangesIt() {
        #expect(learned(used(257, "/tmp/x", kind: .change)).text.contains("read-only = true"))
        #expect(learned(used(257, "/tmpx", kind: .change)).text.contains("read-only = false"))
        let here = Setting(.here, "true", .commandLine)
        let profile = learned(used(257, "/work/a.out", kind: .change), settings: Policy.builtIn + [here])
        #expect(profile.text.contains("read-only = true") && profile.text.contains("here = true"))
    }

    /// A path or a word of the command's can't write keys into the profile.
    @Test func namesStayInTheirComments() {
        let name = "/x\nnetwork = \"host\"\n"
        let profile = learned(
            used(257, name, kind: .change), used(42, name), used(2, name), used(165, name, kind: .refused))
        #expect(profile.text.split(separator: "\n").filter { $0.hasPrefix("network") }.count == 1)
    }
}
#endif
