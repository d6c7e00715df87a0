// Words that look like options of somebody else's.

import TestWorld
import Testing

struct WordTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.write("root/bin/--version", "#!/bin/sh\necho ran \"$@\"\n")
        try world.sh("cd root/bin; chmod 755 ./--version; cp ./--version ./-v; cp ./--version ./--")
    }

    @Test(arguments: ["-v", "--version", "--"])
    func aCommandThatBeginsWithADashIsTheCommand(_ command: String) throws {
        #expect(try world.sandbox(["run", "./root", "--", command, "--bind", "/:/x"]).output == "ran --bind /:/x\n")
        if command != "--" {
            #expect(try world.sandbox(["run", "./root", command, "--name", "x"]).output == "ran --name x\n")
        }
        #expect(try world.sandbox(["list"]).lines.count == 1)
        // A shell that is given the word as it is takes it for its own.
        #expect(try world.sh("sh \(command) --bind").output != "ran --bind\n")
    }

    /// None is read as an option on its way to sandbox-manage, which would make a run say or do something else.
    @Test(arguments: [
        ["run", "--", "-x", "true"], ["run", "--pull=always", "--", "--help", "true"], ["pull", "--", "--help"],
        ["import", "./root.tar", "--", "--help"], ["rm", "--", "-x"], ["start", "--", "-x"], ["diff", "--", "--help"],
        ["run", "--profile", "--help", "./root", "true"], ["run", "--profile=-x", "./root", "true"],
        ["run", "--profile", "--", "./root", "true"], ["profile", "show", "--", "--help"],
        ["profile", "trust", "--", "--help"],
        ["run", "--seccomp", "--help", "./root", "true"], ["run", "--layer", "--help", "./root", "true"],
        ["run", "--platform", "--help", "nothing:1", "true"],
    ])
    func aNameThatBeginsWithADashIsAName(_ words: [String]) throws {
        try world.sh("tar -C root -cf root.tar .")
        let outcome = try world.sandbox(words)
        #expect(outcome.status == 125 && outcome.output.isEmpty, "\(outcome)")
        #expect(outcome.saysOneLineAtMost && !outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(!outcome.errors.contains("USAGE") && !outcome.errors.contains("Missing"), "\(outcome.errors)")
    }

    @Test func filesThatBeginWithADashAreFiles() throws {
        try world.sh("mkdir ./-layer; echo layered >./-layer/file; tar -C ./-layer -cf ./--help .; cp -r root ./-root")
        #expect(try world.sandbox(["run", "--layer", "-layer", "./-root", "cat", "/file"]).output == "layered\n")
        #expect(try world.sandbox(["run", "--layer=--help", "./root", "cat", "/file"]).output == "layered\n")
        #expect(
            try world.sandbox(["run", "--bind", "-layer:/mnt", "./root", "cat", "/mnt/file"]).output == "layered\n")
        #expect(try world.sandbox(["run", "--upper", "-up", "./root", "touch", "/new"]).status == 0)
        #expect(try world.sh("ls ./-up").output == "new\n")
    }

    /// Set-up commands go through sandbox-manage and back into the launcher.
    @Test func setUpCommandsThatBeginWithADash() throws {
        try world.write("root/etc/os-release", "ID=alpine\n")
        let outcome = try world.sandbox([
            "run", "--quiet", "--setup", "alpine=touch /made", "--setup", "--help=false", "--setup-unless", "--help",
            "./root",
            "ls", "/made",
        ])
        #expect(outcome.output == "/made\n" && outcome.errors.isEmpty, "\(outcome)")
    }
}
