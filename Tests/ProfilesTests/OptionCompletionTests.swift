import SandboxPolicy
import Testing

struct OptionCompletionTests {
    private struct Names: CompletionNames {
        let profiles = ["build", "default"]
        let images = ["alpine:3.20", "debian:12"]
        let sandboxes = ["work"]
        func programs(of root: CompletionRoot, _ prefix: String) -> [String] {
            let programs =
                switch root {
                case .rootfs("host"): ["make"]
                case .rootfs(let word): ["sh-of-\(word)"]
                case .sandbox(let name): ["run-in-\(name)"]
                }
            return programs.filter { $0.hasPrefix(prefix) }
        }
        func folders(_ prefix: String) -> [String] { ["rootfs/"].filter { $0.hasPrefix(prefix) } }
    }

    @Test(arguments: [
        (["--net"], ["--network", "--net"]), (["--vol"], ["--volume"]), (["--mo"], ["--mount"]),
        (["--net", "u"], ["user"]), (["-qp", "b"], ["build"]), (["--name", ""], ["work"]),
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
        (["host", "m"], ["make"]), (["alpine:3.20", "s"], ["sh-of-alpine:3.20"]), (["host", "make", "m"], []),
        (["--net", "none", "./root", ""], ["sh-of-./root"]),
        (["host", "--net"], []),
        (["--no-such", ""], ["host", "alpine:3.20", "debian:12", "rootfs/"]),
        ([], []),
    ])
    func offersWhatMayComeNext(_ words: [String], _ candidates: [String]) {
        #expect(OptionCompletion.candidates(for: .run, words, names: Names()) == candidates)
    }

    @Test func offersKeptSandboxesToStart() {
        #expect(OptionCompletion.candidates(for: .start, [""], names: Names()) == ["work"])
        #expect(
            OptionCompletion.candidates(for: .shell, [""], names: Names()) == [
                "host", "alpine:3.20", "debian:12", "rootfs/",
            ])
        #expect(OptionCompletion.candidates(for: .shell, ["m"], names: Names()) == ["make"])
        #expect(OptionCompletion.candidates(for: .shell, ["--", "m"], names: Names()) == ["make"])
        #expect(
            OptionCompletion.candidates(for: .shell, ["alpine:3.20", "s"], names: Names()) == ["sh-of-alpine:3.20"])
        #expect(OptionCompletion.candidates(for: .start, ["work", "r"], names: Names()) == ["run-in-work"])
        #expect(OptionCompletion.candidates(for: .start, ["--up"], names: Names()) == [])
    }
}
