import SandboxPolicy
import Testing

struct OptionCompletionTests {
    private struct Names: CompletionNames {
        let profiles = ["build", "default"]
        let images = ["alpine:3.20", "debian:12"]
        let sandboxes = ["work"]
        func folders(_ prefix: String) -> [String] { ["rootfs/"].filter { $0.hasPrefix(prefix) } }
    }

    @Test(arguments: [
        (["--net"], ["--network"]),
        (["--network", ""], ["none", "user", "host"]),
        (["--network", "h"], ["host"]),
        (["--network=h"], ["--network=host"]),
        (["--profile", "b"], ["build"]),
        (["-p", ""], ["build", "default"]),
        (["--seccomp", "s"], ["strict"]),
        (["--allow", "io"], ["io_uring"]),
        (["--explain=j"], ["--explain=json"]),
        (["a"], ["alpine:3.20"]),
        ([""], ["host", "alpine:3.20", "debian:12", "rootfs/"]),
        (["--read-only", "h"], ["host"]),
        (["--env", "A", "root"], ["rootfs/"]),
        (["--bind", ""], []),
        (["host", "h"], []),
        (["host", "--net"], []),
        (["--no-such", ""], ["host", "alpine:3.20", "debian:12", "rootfs/"]),
        ([], []),
    ])
    func offersWhatMayComeNext(_ words: [String], _ candidates: [String]) {
        #expect(OptionCompletion.candidates(for: .run, words, names: Names()) == candidates)
    }

    @Test func offersKeptSandboxesToStart() {
        #expect(OptionCompletion.candidates(for: .start, [""], names: Names()) == ["work"])
        #expect(OptionCompletion.candidates(for: .shell, [""], names: Names()) == [])
        #expect(OptionCompletion.candidates(for: .start, ["--up"], names: Names()) == [])
    }
}
