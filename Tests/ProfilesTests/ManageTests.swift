// The built sandbox-manage, from outside.

import Foundation
import LinuxSystem
import SandboxPolicy
import Testing

struct ManageTests {
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Runs it with a home of its own.
    private func manage(_ words: [String], in world: World) throws -> Outcome {
        let folder = try LinuxSystem.Process.ownExecutable().split(separator: "/").dropLast().joined(separator: "/")
        let process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: "/\(folder)/sandbox-manage")
        process.arguments = words
        process.currentDirectoryURL = URL(fileURLWithPath: world.project)
        process.environment = ["HOME": world.home]
        let (output, errors) = (Foundation.Pipe(), Foundation.Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        let complained = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: said, as: UTF8.self),
            errors: String(decoding: complained, as: UTF8.self))
    }

    @Test(arguments: [
        (["rnu"], "sandbox: unknown command \"rnu\"; did you mean run?\n"),
        (["qqqqqqqqqq"], "sandbox: unknown command \"qqqqqqqqqq\"; see `sandbox help`\n"),
        (["profile", "lst"], "sandbox: unknown command \"profile lst\"; did you mean list?\n"),
        (["profile", "show"], "sandbox: missing expected argument '<name>'; see `sandbox help profile show`\n"),
        (
            ["profile", "list", "--formt", "json"],
            "sandbox: unknown option \"--formt\"; did you mean --format?; see `sandbox help profile list`\n"
        ),
        (["images", "-z"], "sandbox: unknown option \"-z\"; see `sandbox help images`\n"),
        (["list", "x"], "sandbox: unexpected argument 'x'; see `sandbox help list`\n"),
        (
            ["exec", "x"],
            "sandbox: unknown command \"exec\"; here: not there yet: `sandbox start NAME COMMAND` runs in a kept sandbox when nothing else does\n"
        ),
        (["help", "profle"], "sandbox: unknown command \"profle\"; did you mean profile?\n"),
    ])
    func aBadCommandLineIsOneLineAndStatus125(_ words: [String], _ message: String) throws {
        let outcome = try manage(words, in: try World())
        #expect(outcome.status == 125)
        #expect(outcome.errors == message)
        #expect(outcome.output.isEmpty)
    }

    @Test(arguments: [
        ["--version"], ["version"], ["-v"], ["__man"], ["__compared-md"], ["--help"], [], ["help"], ["help", "run"],
        ["help", "profile", "trust"],
    ])
    func helpIsOnStandardOutput(_ words: [String]) throws {
        let outcome = try manage(words, in: try World())
        #expect(outcome.status == 0)
        #expect(!outcome.output.isEmpty)
        #expect(outcome.errors.isEmpty)
    }

    @Test func theOverviewNamesWhatTheLauncherRuns() throws {
        let overview = try manage([], in: try World()).output
        for command in LaunchCommand.allCases { #expect(overview.contains("\n  \(command.rawValue) ")) }
        #expect(!overview.contains("__"))
    }

    private static let key = EntryKey("profile", ["any"])

    private static func settings(_ name: String, _ output: String) -> [String] {
        ["__settings", "--key=" + key.word, output, name]
    }

    @Test func writesSettingsForTheLauncher() throws {
        let world = try World()
        try world.writeUser("mine", "extends = \"default\"\nhostname = \"h\"")
        let output = world.root + "/cache/deep/mine"
        #expect(try manage(Self.settings("mine", output), in: world).status == 0)
        let entry = try #require(Self.key.content(of: try Files.read(output)))
        let file = try #require(SettingsFile(encoded: entry))
        #expect(file.settings.last == Setting(.hostname, "h", .profile("mine")))
        #expect(file.dependencies.contains { $0.path == world.project + "/.sandbox" && $0.stamp == "-" })
        #expect(try FileStatus.of(world.root + "/cache").permissions == 0o700)
    }

    @Test func writesNothingForABadProfile() throws {
        let world = try World()
        try world.writeUser("bad", "\nnework = \"none\"")
        let outcome = try manage(Self.settings("bad", world.root + "/out"), in: world)
        #expect(outcome.status == 125)
        let place = world.places.userProfiles + "/bad.toml:2"
        #expect(
            outcome.errors
                == "sandbox: profile \"bad\" (\(place)): unknown key \"nework\"; did you mean network?\n")
        #expect(FileStatus.stamp(of: world.root + "/out") == "-")
    }

    @Test(arguments: ["default", "build", "shell", "ci", "strict"])
    func theProfilesThatComeWithItHaveNoMistakes(_ name: String) throws {
        let outcome = try manage(["profile", "check", name], in: try World())
        #expect(outcome.status == 0)
        #expect(outcome.output.hasPrefix("\(name): no mistakes\n"))
    }

    @Test func strictOpensNothing() throws {
        #expect(try manage(["profile", "check", "strict"], in: try World()).output.contains("opens nothing"))
    }

    @Test func listsWhereEachProfileIsFrom() throws {
        let world = try World()
        try world.writeUser("ci", "description = \"mine\"")
        try world.writeUser("broken", "a = ")
        let text = try manage(["profile", "list"], in: world).output
        #expect(text.contains("ci       user       mine\n"))
        #expect(text.split(separator: "\n").contains { $0.hasPrefix("ci ") && $0.hasSuffix("(shadowed)") })
        #expect(text.split(separator: "\n").contains { $0.hasPrefix("broken ") && $0.contains("not TOML") })
        let json = try manage(["profile", "list", "--format", "json"], in: world).output
        let rows = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]])
        #expect(rows.contains { $0["name"] as? String == "ci" && $0["shadowed"] as? Bool == true })
    }

    @Test func showsAProfileAndWhatItComesTo() throws {
        let world = try World()
        let text = "# é\textends\nextends = \"default\"\nhostname = \"h\"\n"
        try world.writeUser("mine", text)
        #expect(try manage(["profile", "show", "mine"], in: world).output == text)
        let resolved = try manage(["profile", "show", "mine", "--resolved"], in: world).output
        #expect(resolved.contains("network = \"none\"  # from profile default\n"))
        #expect(resolved.hasSuffix("hostname = \"h\"  # from profile mine\n"))
    }

    @Test func trustIsGivenShownAndTakenBack() throws {
        let world = try World()
        try world.writeProject("open", "network = \"host\"")
        let settings = Self.settings("open", world.root + "/out")
        #expect(try manage(settings, in: world).status == 125)
        #expect(try manage(["profile", "check", "open"], in: world).output.contains("not trusted yet"))
        let trusting = try manage(["profile", "trust", "open"], in: world)
        #expect(trusting.status == 0)
        #expect(trusting.errors.contains("opens network = \"host\""))
        #expect(try manage(settings, in: world).status == 0)
        #expect(try manage(["profile", "trust", "--revoke", "open"], in: world).status == 0)
        #expect(try manage(settings, in: world).status == 125)
        #expect(try manage(["profile", "trust", "default"], in: world).errors.contains("needs no trust"))
    }

    @Test(arguments: [
        (["pro"], ["profile"]),
        (["profile", "t"], ["trust"]),
        (["profile", "show", "str"], ["strict"]),
        (["run", "--profile", "str"], ["strict"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["run", "al"], ["alpine:3.20"]),
        (["run", "sub"], ["subfolder/"]),
        (["start", "w"], ["work"]),
        (["rm", "w"], ["work"]),
        (["run", "host", "sh", ""], []),
    ])
    func completes(_ words: [String], _ candidates: [String]) throws {
        let world = try World()
        try world.write("home/.local/share/sandbox/images/alpine:3.20", "")
        try Files.makeDirectories(world.places.sandboxes + "/work")
        try Files.makeDirectories(world.project + "/subfolder")
        let output = try manage(["__complete", "--"] + words, in: world).output
        #expect(output.split(separator: "\n").map(String.init) == candidates)
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func printsACompletionScript(_ shell: String) throws {
        #expect(try manage(["completion", shell], in: try World()).output.contains("sandbox __complete -- "))
    }
}
