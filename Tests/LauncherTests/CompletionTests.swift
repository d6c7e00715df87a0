// What shells complete: bash by its own functions; zsh and fish where they are installed, else by what their scripts ask.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct CompletionTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    /// What bash offers behind each of these lines.
    private func offered(_ lines: [String]) throws -> [[String]] {
        try world.write(
            "complete.sh",
            """
            PATH=${SANDBOX%/*}:$PATH; eval "$(sandbox completion bash)"
            while IFS= read -r COMP_LINE; do
                COMP_POINT=${#COMP_LINE} COMPREPLY=(); _sandbox 2>/dev/null; echo "${COMPREPLY[*]}"
            done
            """)
        let input = lines.map { "printf '%s\\n' '\($0)'" }.joined(separator: ";")
        return try world.sh("{ \(input); } | bash complete.sh").output.split(
            separator: "\n", omittingEmptySubsequences: false
        ).dropLast().map { $0.split(separator: " ").map(String.init) }
    }

    @Test func bashCompletesNamesOfEveryKindForEveryVerb() throws {
        try world.sh(
            "tar -C root -cf root.tar .; \"$SANDBOX\" import root.tar app:1; \"$SANDBOX\" run --name kept ./root true")
        try world.write("home/.config/sandbox/profiles/mine.toml", "")
        let cases: [(String, [String])] = [
            ("sandbox vers", ["version"]), ("sandbox run ap", ["app:1"]), ("sandbox run app:", ["1"]),
            ("sandbox run -p mi", ["mine"]), ("sandbox run --profile=mi", ["mine"]), ("sandbox run ./ro", ["./root/"]),
            ("sandbox run app:1 busyb", ["busybox"]), ("sandbox run ./root busyb", ["busybox"]),
            ("sandbox run host bas", ["base32", "base64", "basename", "bash"]), ("sandbox start ke", ["kept"]),
            ("sandbox start kept busyb", ["busybox"]), ("sandbox shell app:", ["1"]), ("sandbox rm ke", ["kept"]),
            ("sandbox rm -f ke", ["kept"]), ("sandbox diff ke", ["kept"]), ("sandbox export a", ["app:1"]),
            ("sandbox export ke", ["kept"]), ("sandbox rmi ap", ["app:1"]), ("sandbox inspect ap", ["app:1"]),
            ("sandbox save ap", ["app:1"]), ("sandbox push ap", ["app:1"]), ("sandbox tag ap", ["app:1"]),
            ("sandbox profile show mi", ["mine"]), ("sandbox list --form", ["--format"]),
            ("sandbox list --format j", ["json"]), ("sandbox rm --fo", ["--force"]),
            ("sandbox run --volu", ["--volume"]),
            ("sandbox help vers", ["version"]), ("sandbox run app:1 sh app", []),
        ]
        let all = try offered(cases.map(\.0))
        #expect(all.count == cases.count)
        for ((line, wanted), found) in zip(cases, all) {
            if line.hasSuffix("host bas") {
                #expect(found.contains("bash"), "\(line)")
            } else {
                #expect(found == wanted, "\(line)")
            }
        }
    }

    @Test(arguments: ["zsh", "fish"])
    func theScriptOfAnotherShellAsksForTheSame(_ shell: String) throws {
        let script = try world.sandbox(["completion", shell]).output
        #expect(script.contains("sandbox __complete -- "))
        try world.write("script", script)
        let check = try world.sh("command -v \(shell) >/dev/null || exit 0; \(shell) -n script")
        #expect(check.status == 0 && check.errors.isEmpty, "\(check)")
    }

    @Test func manFormatsThePageWithoutAWordOfComplaint() throws {
        let outcome = try world.sh(
            """
            "$SANDBOX" __man >sandbox.1; command -v man >/dev/null && command -v groff >/dev/null || { cat sandbox.1; exit 0; }
            MANWIDTH=80 man --warnings=w -P cat ./sandbox.1
            """)
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        for word in ["--bind", "sandbox shell", "profile trust", "EXIT STATUS"] {
            #expect(outcome.output.replacing("\\-", with: "-").contains(word), "\(word)")
        }
    }
}
