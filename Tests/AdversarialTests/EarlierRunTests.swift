// What a run left in a folder that it could write, and where the paths of later commands lead through it.

import Foundation
import TestWorld
import Testing

struct EarlierRunTests {
    let world: World
    static let filter = World.binary.replacingOccurrences(
        of: "/bin/sandbox", with: "/share/sandbox/profiles/seccomp/default.json")

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.sh("mkdir -p project outside/etc")
        try world.write("outside/secret", "SECRET=secret\n")
        try world.write("outside/p.toml", "hostname = \"theirs\"\n")
        try world.sh("cp -r root outside/rootfs; cp '\(Self.filter)' outside/filter.json")
        try world.sh("tar -C root -cf outside/layer.tar bin; tar -C root -cf outside/root.tar .")
    }

    /// `sandbox WORDS` in the project.
    private func project(_ words: String) throws -> Outcome { try world.sh("cd project; \"$SANDBOX\" \(words)") }

    /// The first run, which can write the project and nothing else.
    private func earlierRun(_ script: String, _ options: String = "--here") throws {
        let outcome = try project("run \(options) ../root sh -c '\(script)'")
        #expect(outcome.status == 0, "\(outcome)")
    }

    static let words = [
        "run --bind ./data:/data ../root cat /data/secret", "run --bind data:/data:ro ../root cat /data/secret",
        "run --bind ./data/secret:/data ../root cat /data", "run -v ./sub/../data:/data ../root cat /data/secret",
        "run --bind \"$PWD/data\" ../root sh -c \"cat $PWD/data/secret\"",
        "run --layer ./data ../root cat /secret", "run --layer ./data/layer.tar ../root echo secret",
        "run --upper ./data ../root sh -c 'cat /secret; echo secret >/new'",
        "run --upper ./data/up ../root echo secret",
        "run --env-file ./data/secret ../root env", "run --seccomp ./data/filter.json ../root echo secret",
        "run --profile ./data/p.toml ../root echo secret", "run ./data/rootfs echo secret",
        "run --here --bind ./data:/data ../root cat /data/secret", "shell --bind ./data:/data cat /data/secret",
    ]

    static let ways =
        words.map { ($0, "../outside") } + ["inner", "ABSOLUTE", "/proc/self/cwd/../outside"].map { (words[0], $0) }

    @Test(arguments: ways)
    func aLinkThatARunLeftLeadsTheNextNowhere(_ words: String, _ target: String) throws {
        let target = target == "ABSOLUTE" ? world.folder + "/outside" : target
        try earlierRun("mkdir sub; ln -s \(target) data; ln -s ../outside inner")
        let before = try world.fingerprint("outside")
        let outcome = try project(words)
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(words): \(outcome)")
        // It says what to say instead.
        #expect(outcome.errors.contains("\(world.folder)/outside"), "\(outcome.errors)")
        #expect(try world.fingerprint("outside") == before)
        #expect(try world.sh("ls -A outside/.data.sandbox .outside.sandbox 2>/dev/null").output.isEmpty)
    }

    /// Uppers and binds are folders that a run could write, too.
    @Test(arguments: ["--upper ./up", "--bind ./up:/mnt"])
    func aLinkInAnUpperOrABindLeadsTheNextNowhere(_ options: String) throws {
        try world.sh("mkdir project/up")
        let place = options.contains("bind") ? "/mnt" : ""
        try earlierRun("mkdir -p \(place)/deep; ln -s ../../../outside \(place)/deep/data", options)
        let outcome = try project("run --bind ./up/deep/data:/data ../root cat /data/secret")
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(outcome)")
    }

    /// What daily work needs.
    @Test func linksWithinAProjectAndLinksOfTheUsersWork() throws {
        try earlierRun("mkdir -p sub/real; echo inside >sub/real/f; ln -s sub/real data; ln -s \"$PWD/sub\" whole")
        try world.write("project/.env", "NAME=value\n")
        try world.sh("ln -s outside ours; mkdir -p project/up")
        let work = """
            run --here --env-file ./.env --bind ./data:/data --bind ./whole/real:/more --bind ../ours:/ours ../root \
            sh -c 'cat /data/f /more/f /ours/secret; echo $NAME; echo new >made && cat made'
            """
        for _ in 0..<2 {
            #expect(try project(work).output == "inside\ninside\nSECRET=secret\nvalue\nnew\n")
        }
        #expect(try project("run --upper ./up --layer ./data ../root cat /f").output == "inside\n")
        #expect(try project("run --bind \(world.folder)/outside:/data ../root cat /data/secret").status == 0)
    }

    /// A file that a run could write must not hand the caller's own variables on.
    @Test(arguments: ["run", "run --here"]) func aNameInAnEnvFileOfASandboxsIsRefused(_ run: String) throws {
        try world.write("project/ours.env", "TOKEN\n")
        let control = try world.sh("cd project; TOKEN=secret \"$SANDBOX\" run --env-file ours.env ../root env")
        #expect(control.output.contains("TOKEN=secret"))
        try earlierRun("printf \"A=b\\nTOKEN\\n\" >.env; echo C=d >good.env")
        let outcome = try world.sh("cd project; TOKEN=secret \"$SANDBOX\" \(run) --env-file .env ../root env")
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(outcome.errors.contains("--env TOKEN"), "\(outcome.errors)")
        let said = try world.sh(
            "cd project; TOKEN=secret \"$SANDBOX\" \(run) --env-file good.env --env TOKEN ../root env")
        #expect(said.output.contains("C=d\n") && said.output.contains("TOKEN=secret\n"), "\(said)")
    }

    /// Filters and profiles that a sandbox could have written, or could write in this run.
    @Test(arguments: ["--seccomp ./mine.json", "--profile ./mine.toml", "--profile sub/mine.toml"], [true, false])
    func aPolicyThatASandboxCanWriteIsNotBelieved(_ option: String, _ isEarlier: Bool) throws {
        try world.sh("mkdir project/sub; cp outside/p.toml project/mine.toml; cp outside/p.toml project/sub/mine.toml")
        try world.sh("cp outside/filter.json project/mine.json")
        #expect(try project("run \(option) ../root true").status == 0)
        if isEarlier { try earlierRun("true") }
        let outcome = try project("run \(isEarlier ? "" : "--here") \(option) ../root true")
        #expect(outcome.status == 125 && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(outcome.errors.contains("sandbox could write") || outcome.errors.contains("trust"), "\(outcome.errors)")
    }

    @Test(arguments: ["./rootfs", "../root"])
    func whatARunIsMadeOfCannotBeWrittenInIt(_ root: String) throws {
        try world.sh("cp -r root project/rootfs; mkdir -p project/layer project/conf; echo A=b >project/conf/.env")
        let outcome = try project(
            """
            run --here --layer ./layer --env-file conf/.env \(root) sh -c '
            echo x 2>/dev/null >layer/x || echo refused; echo x 2>/dev/null >>conf/.env || echo refused
            rm -f conf/.env 2>/dev/null || echo refused; [ \(root) = ../root ] || echo x 2>/dev/null >rootfs/x || echo refused
            echo x >x && echo written'
            """)
        let wanted = Array(repeating: "refused", count: root == "./rootfs" ? 4 : 3) + ["written"]
        #expect(outcome.lines == wanted, "\(outcome)")
        #expect(try world.sh("cat project/conf/.env; ls project/layer").output == "A=b\n")
    }

    static let outputs = [
        "save -o ./out one:1", "save --format oci-dir -o ./out.d one:1", "export -o ./out one:1",
        "profile learn --force -o ./out.toml ../root true", "profile learn -o ./out.d/new.toml ../root true",
    ]

    @Test(arguments: outputs) func outputIsNotWrittenThroughALinkThatARunLeft(_ words: String) throws {
        #expect(try world.sandbox(["import", "outside/root.tar", "one:1"]).status == 0)
        try world.sh("mkdir outside/empty; echo keep >outside/keep")
        try earlierRun("ln -s ../outside/keep out; ln -s ../outside/keep out.toml; ln -s ../outside/empty out.d")
        let before = try world.fingerprint("outside")
        let outcome = try project(words)
        #expect(try world.fingerprint("outside") == before)
        // One that replaces a link by its own file does no harm.
        #expect(outcome.status != 0 || words.contains("out.toml"), "\(outcome)")
        #expect(outcome.saysOneLineAtMost, "\(outcome)")
    }

    @Test(arguments: [
        "import ./data/root.tar two:1", "load -i ./data/one.tar", "run oci-archive:./data/one.tar true",
        "run oci:data/layout true", "diff ./data/up",
    ])
    func nothingIsReadThroughALinkThatARunLeft(_ words: String) throws {
        #expect(try world.sandbox(["import", "outside/root.tar", "one:1"]).status == 0)
        #expect(try world.sandbox(["save", "-o", "outside/one.tar", "one:1"]).status == 0)
        #expect(try world.sandbox(["save", "--format", "oci-dir", "-o", "outside/layout", "one:1"]).status == 0)
        #expect(try world.sandbox(["run", "--upper", "outside/up", "./root", "touch", "/new"]).status == 0)
        try earlierRun("ln -s ../outside data")
        let outcome = try project(words)
        #expect(outcome.status != 0 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(outcome.errors.contains("\(world.folder)/outside"), "\(outcome.errors)")
        #expect(try project(words.replacingOccurrences(of: "data/", with: "../outside/")).status == 0)
    }

    /// The folder in which a sandbox was made is where its relative paths begin.
    @Test func aFolderThatALaterRunReplacedIsNotStartedIn() throws {
        try world.sh("mkdir -p project/sub; echo SECRET=ours >project/sub/secret")
        let made = try world.sh("cd project/sub; \"$SANDBOX\" run --name box --here \(world.root) cat secret")
        #expect(made.output == "SECRET=ours\n")
        try earlierRun("mv sub old; ln -s ../outside sub")
        let outcome = try world.sandbox(["start", "box", "cat", "secret"])
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(outcome)")
        try world.sh("rm project/sub; mv project/old project/sub")
        #expect(try world.sandbox(["start", "box", "cat", "secret"]).output == "SECRET=ours\n")
    }

    /// Changing places all the while, neither the folder nor the link leads out.
    @Test(arguments: ["--bind ./data:/data", "--bind ./data:/data:ro", "--layer ./data", "--here --bind ./data:/data"])
    func aSourceSwappedWhileASandboxStartsLeadsNowhere(_ options: String) throws {
        try world.compile("swap")
        try earlierRun("mkdir data; ln -s ../outside data.link; echo inside >data/inside")
        let racer = try world.start("./swap", ["project/data", "project/data.link"])
        defer { racer.signal(SIGKILL) }
        var (refused, shown) = (0, 0)
        for _ in 0..<40 {
            let outcome = try project(
                "run \(options) ../root sh -c 'cat /secret /data/secret /inside /data/inside 2>/dev/null'")
            #expect(!outcome.output.contains("SECRET"), "\(outcome)")
            #expect(outcome.saysOneLineAtMost, "\(outcome)")
            // The cause, and not what the launcher could not do any more for a child that had ended of it.
            #expect(!outcome.errors.contains("id map"), "\(outcome)")
            if outcome.output.contains("inside") { shown += 1 } else { refused += 1 }
        }
        #expect(refused > 0, "\(refused) refused, \(shown) shown")
        racer.signal(SIGKILL)
        _ = try racer.finish()
        // The control: as soon as nobody exchanges them, the folder is shown.
        try world.sh("cd project; if [ -L data ]; then mv -T data x && mv -T data.link data && mv -T x data.link; fi")
        let after = try project("run \(options) ../root sh -c 'cat /inside /data/inside 2>/dev/null'")
        #expect(after.output.contains("inside"), "\(after)")
    }

    /// The record is small, and written only for what is new.
    @Test func theRecordOfFoldersIsBounded() throws {
        for number in 0..<3 {
            try world.sh("mkdir -p many/\(number); cd many/\(number); \"$SANDBOX\" run --here ../../root true")
        }
        let file = "home/.local/share/sandbox/shown"
        let before = try world.sh("stat -c '%a %Y %i %s' \(file)").output
        #expect(before.hasPrefix("600 "))
        try world.sh("cd many/1; \"$SANDBOX\" run --here ../../root true")
        #expect(try world.sh("stat -c '%a %Y %i %s' \(file)").output == before)
        // Folders that are gone make room.
        try world.sh(
            """
            rm -rf many/0; for i in $(seq 2000); do printf '1:%d\\0/nowhere/%d\\0' $i $i >>\(file); done
            mkdir many/new; cd many/new; \"$SANDBOX\" run --here ../../root true
            """)
        #expect(try world.sh("stat -c %s \(file)").output.count < 6)
        #expect(try world.sh("tr '\\0' '\\n' <\(file) | grep -c '^/'").output == "3\n")
    }
}
