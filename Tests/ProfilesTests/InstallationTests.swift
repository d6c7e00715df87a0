import SandboxPolicy
import Testing

struct InstallationTests {
    private let installed: Set<String> = [
        "/usr/bin/sandbox", "/usr/libexec/sandbox/sandbox-manage", "/usr/share/sandbox/profiles/default.toml",
    ]

    @Test(arguments: ["/usr/bin/sandbox", "/usr/libexec/sandbox/sandbox-manage"])
    func findsTheOtherPartsOfAnInstallation(_ executable: String) {
        let found = Installation(executable: executable, exists: installed.contains)
        #expect(found.profiles == "/usr/share/sandbox/profiles")
        #expect(found.manage == "/usr/libexec/sandbox/sandbox-manage")
        #expect(found.launcher == "/usr/bin/sandbox")
    }

    @Test(arguments: ["sandbox", "sandbox-manage"])
    func findsTheCheckoutAboveABuildFolder(_ name: String) {
        let folder = "/src/box/.build/x86_64/release"
        let found = Installation(executable: "\(folder)/\(name)") { $0 == "/src/box/profiles/default.toml" }
        #expect(found.profiles == "/src/box/profiles")
        #expect(found.manage == folder + "/sandbox-manage")
        #expect(found.launcher == folder + "/sandbox")
    }

    @Test func takesNoFolderThatHappensToStandAbove() {
        let found = Installation(executable: "/tmp/x/sandbox") { $0 == "/tmp/profiles/default.toml" }
        #expect(found.profiles != "/tmp/profiles")
        let built = Installation(executable: "/tmp/x/.build/debug/sandbox") { $0 == "/tmp/profiles/default.toml" }
        #expect(built.profiles != "/tmp/profiles")
    }
}
