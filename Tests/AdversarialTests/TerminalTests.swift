// The caller's terminal: typed into, or steered by what our own messages say.

import Foundation
import TestWorld
import Testing

struct TerminalTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    /// TIOCSTI, TIOCLINUX and TIOCSETD, also with bits that the kernel does not look at.
    @Test(arguments: [
        "0x5412", "0x100005412", "0xffffffff00005412", "0x541C", "0x70000541C", "0x5423", "0x8000000000005423",
    ])
    func aTerminalIsNotTypedInto(_ request: String) throws {
        try world.compile("terminal")
        let python = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/programs/in-terminal.py"
        func answer(_ words: [String]) throws -> String {
            try world.start("/usr/bin/python3", [python] + words).finish().output
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
        #expect(try answer([World.binary, "run", "./root", "terminal", request]) == "\(EPERM)")
        // Without the filter the kernel itself answers: TIOCSTI types an x, where a setting does not switch it off.
        let unfiltered = try answer([World.binary, "run", "--seccomp", "none", "./root", "terminal", request])
        #expect(unfiltered != "\(EPERM)" && !unfiltered.isEmpty, "\(unfiltered)")
    }

    /// TIOCEXCL keeps all but root from opening a terminal; raw and without echo, a shell on it is of no use.
    @Test func aTerminalIsAsItWas() throws {
        try world.compile("terminal")
        let python = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/programs/in-terminal.py"
        func left(_ command: String) throws -> [String] {
            try world.write(
                "script",
                """
                before=$(stty -g); \(command)
                [ "$(stty -g)" = "$before" ] && echo same || echo other; (exec 3</dev/tty) 2>/dev/null && echo open
                """)
            let outcome = try world.start("/usr/bin/python3", [python, "/bin/sh", "script"]).finish()
            return outcome.output.split(whereSeparator: \.isNewline).map(String.init).filter { $0 != "0" }
        }
        let change = "sh -c 'terminal 0x540C; stty raw -echo'"
        #expect(try left("\"$SANDBOX\" run ./root \(change)") == ["same", "open"])
        #expect(try left("./terminal 0x540C; stty raw -echo") == ["other"])
    }

    static let hostile = [
        "\u{1b}[31mred", "\u{1b}]0;title\u{7}", "x\nsandbox: forged", "\r\u{9b}2K", "a\u{202e}b", "\u{8}\u{8}",
    ]

    /// Names of images, folders, files, profiles, commands, users, variables and options.
    @Test(arguments: hostile)
    func namesInMessagesDoNotSteerTheTerminal(_ name: String) throws {
        try world.write(
            "bad.toml", "network = \"\(name.unicodeScalars.map { String(format: "\\U%08X", $0.value) }.joined())\"\n")
        try world.write("\(name).toml", "\(name) = 1\n")
        try world.write("file", "x")
        for words in [
            ["run", name], ["run", "./" + name, "true"], ["run", "--pull", "never", "x:" + name, "true"],
            ["run", "./root", name],
            ["run", "--" + name, "./root"], [name], ["run", "--profile", name, "./root"],
            ["run", "--profile", "./bad.toml", "./root"],
            ["run", "--profile", "./\(name).toml", "./root"], ["run", "--layer", "./" + name, "./root"],
            ["run", "--upper", "./no/" + name, "./root"], ["run", "--bind", "./\(name):/x", "./root"],
            ["run", "--mask", "/" + name, "./root", "true"], ["run", "--workdir", "/" + name, "./root", "true"],
            ["run", "--user", name, "./root", "true"], ["run", "--hostname", name, "./root", "true"],
            ["run", "--env-file", "./" + name, "./root", "true"], ["run", "--seccomp", "./" + name, "./root", "true"],
            ["run", "--tmpfs", "/bin/sh/" + name, "./root", "true"], ["run", "--cap-add", name, "./root", "true"],
            ["import", "./" + name, "x"], ["import", "./file", name], ["rm", name], ["diff", name], ["start", name],
            ["pull", "oci:./" + name], ["profile", "show", name], ["profile", "check", "./\(name).toml"],
            ["images", "--" + name],
        ] {
            let outcome = try world.sandbox(words)
            #expect(outcome.status == 125 || outcome.status == 127, "\(words)")
            #expect(outcome.saysOneLineAtMost && !outcome.errors.isEmpty, "\(words): \(outcome.errors)")
            #expect(!outcome.errors.dropLast().unicodeScalars.contains(where: steers), "\(words): \(outcome.errors)")
        }
        let explained = try world.sandbox([
            "run", "--explain", "--workdir", "/" + name, "--mask", "/" + name, "./root", name,
        ])
        #expect(!explained.output.unicodeScalars.contains { $0 != "\n" && steers($0) })
        #expect(!explained.output.contains("\nsandbox: forged"))
        // Not all programs take that care.
        let careless = try world.start("/bin/sh", ["-c", ". \"$0\"", "./" + name + ".none"]).finish()
        #expect(careless.errors.dropLast().unicodeScalars.contains(where: steers))
    }

    private func steers(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) || scalar.value == 0x202e
    }
}
