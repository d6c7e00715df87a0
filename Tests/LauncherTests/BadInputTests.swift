// Bad input: one line that says what, why and what to do; the right exit status; nothing left behind.

import Foundation
import TestWorld
import Testing

struct BadInputTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let words: [String]
        let status: Int32
        let says: [String]
        var testDescription: String { words.joined(separator: " ") }
        init(_ words: String, _ status: Int32, _ says: String...) {
            self.words = words.split(separator: " ").map(String.init)
            self.status = status
            self.says = says
        }
    }

    static let cases = [
        Case("run --netwrok none ./root true", 125, "--netwrok", "did you mean --network?"),
        Case("run --network lan ./root true", 125, "--network \"lan\"", "none or user or host"),
        Case("run --bind ./root:x ./root true", 125, "must begin with /"),
        Case("run --tmpfs /t:size=big ./root true", 125, "size=BYTES"),
        Case("run --timeout soon ./root true", 125, "90s"),
        Case("run --cap-add CAP_EVERYTHING ./root true", 125, "no such capability"),
        Case("run --name ../x ./root true", 125, "a name is"),
        Case("run --hostname a_b ./root true", 125, "a host name is"),
        Case("run", 125, "ROOTFS"),
        Case("run --env", 125, "needs a value"),
        Case("rnu ./root true", 125, "did you mean run?"),
        Case("run --pull never nosuchimage true", 125, "not found", "sandbox pull", "sandbox import"),
        Case("run root true", 125, "./root"),
        Case("run UPPER true", 125, "not the name of an image"),
        Case("run ./nowhere true", 125, "No such file"),
        Case("run ./file true", 125, "is not a folder", "sandbox import"),
        Case("run ./closed true", 125, "Permission denied"),
        Case("run --layer ./nowhere ./root true", 125, "--layer", "No such file"),
        Case("run --upper ./root/up ./root true", 125, "lie one in the other"),
        Case("run --upper ./file ./root true", 125, "Not a directory"),
        Case("run --upper ./no/where ./root true", 125, "make the folder above it first"),
        Case("run --bind ./nowhere:/x ./root true", 125, "the source of a bind must exist"),
        Case("run --workdir /nowhere ./root true", 125, "--workdir \"/nowhere\""),
        Case("run --user nobodyhere ./root true", 125, "no \"nobodyhere\""),
        Case("run --user 4294967295 ./root true", 125, "an id is a number"),
        Case("run --user 4000000000 ./root true", 125, "not in the map"),
        Case("run --id-map single --user nobodyhere ./root true", 125, "no \"nobodyhere\""),
        Case("run --env-file ./nowhere ./root true", 125, "--env-file"),
        Case("run --seccomp ./nowhere ./root true", 125, "--seccomp"),
        Case("run --seccomp ./file ./root true", 125, "is not usable"),
        Case("run --seccomp strct ./root true", 125, "--seccomp \"strct\"", "did you mean strict?"),
        Case("run --allow io_urnig ./root true", 125, "--allow \"io_urnig\"", "did you mean io_uring?"),
        Case("run --allow unsahre ./root true", 125, "did you mean unshare?"),
        Case("run --allow everything ./root true", 125, "no such group or system call", "the groups are namespaces"),
        Case("run --nested=maybe ./root true", 125, "--nested is a switch"),
        Case("run --profile nowhere ./root true", 125, "no profile \"nowhere\""),
        Case("run --profile ./key.toml ./root true", 125, "key.toml:2", "did you mean network?"),
        Case("run --profile ./broken.toml ./root true", 125, "broken.toml:1:"),
        Case("run --profile ./a.toml ./root true", 125, "circle", "a.toml", "b.toml"),
        Case("run ./root nosuchcommand", 127, "command not found"),
        Case("run ./root /no/such", 127, "command not found"),
        Case("run ./root /etc/passwd", 126, "not executable"),
        Case("run ./root /etc", 126, "is a folder"),
        Case("run / true", 125, "host"),
        Case("run --bind= ./root true", 125, "SRC is missing"),
        Case("run --layer= ./root true", 125, "no path"),
        Case("run --bind ./file:/etc ./root true", 125, "show ", "/file of the host at /etc", "the other way round"),
        Case("run ./root -it sh", 127, "options stand before ROOTFS"),
        Case("run --profile ./bare.toml ./root true", 125, "bare.toml:1", "none has to stand in quotes, as \"none\""),
        Case("run --profile own ./root true", 125, "extends its own name"),
        Case("run --env-file ./shell ./root true", 125, "wants a shell"),
        Case("run --report-denied=json:./no/where ./root true", 125, "--report-denied", "No such file"),
        Case("run --bind ./root:/ ./root true", 125, "in place of /"),
        Case("run --tmpfs /. ./root true", 125, "is the root"),
        Case("run ./root garbage", 126, "another architecture"),
        Case("run ./root badscript", 126, "interpreter"),
        Case("import ./file x", 125, "is not a tar file"),
        Case("import ./nowhere x", 125, "No such file"),
        Case("import ./file UP", 125, "can't name an image"),
        Case("diff ./root", 125, "no sandbox has kept"),
        Case("rm nosuch", 125, "no kept sandbox"),
    ]

    @Test(arguments: cases)
    func getsOneLineAndLeavesNothing(_ bad: Case) throws {
        try world.write("file", "not much")
        try world.write("key.toml", "description = \"x\"\nnetwrok = \"none\"\n")
        try world.write("broken.toml", "network = \"none\n")
        try world.write("bare.toml", "network = none\n")
        try world.write("home/.config/sandbox/profiles/own.toml", "extends = \"own\"\n")
        try world.write("shell", "export A=$HOME\n")
        try world.write("a.toml", "extends = \"./b.toml\"\n")
        try world.write("b.toml", "extends = \"./a.toml\"\n")
        try world.sh(
            "mkdir -m 0 closed; printf 'garbage' >root/bin/garbage; printf '#!/nowhere\\n' >root/bin/badscript; chmod +x root/bin/garbage root/bin/badscript"
        )
        let before = try world.sh("ls -A; ls -A root").output
        // Others come and go with what else the machine does.
        let ownMounts = "awk -v own=\"$PWD\" '$5 == \"/tmp\" || index($5, own) == 1' /proc/self/mountinfo"
        let mounts = try world.sh(ownMounts).output
        let outcome = try world.sandbox(bad.words)
        #expect(outcome.status == bad.status)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix("sandbox: "))
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        for text in bad.says { #expect(outcome.errors.contains(text), "\(outcome.errors)") }
        let after = try world.sh("ls -A; ls -A root").output.split(separator: "\n").filter { !$0.hasPrefix("out-") }
        #expect(after == before.split(separator: "\n").filter { !$0.hasPrefix("out-") })
        #expect(try world.sh(ownMounts).output == mounts)
    }

    @Test func userNamespacesDisabled() throws {
        let outcome = try world.sh(
            "unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec \"$SANDBOX\" run --id-map single ./root true'"
        )
        #expect(outcome.status == 125)
        #expect(outcome.errors.contains("user.max_user_namespaces"))
    }

    @Test func procMaskedByAnOuterContainer() throws {
        let outcome = try world.sh(
            "unshare -Urmpf sh -c 'mount -t proc p /proc && mount -t tmpfs t /proc/sys && exec \"$SANDBOX\" run --id-map single ./root true'"
        )
        #expect(outcome.status == 125)
        #expect(outcome.errors.contains("unmask"))
    }

    @Test func outputThatGetsNowhereIsAnError() throws {
        for words in ["images", "help", "profile list"] {
            let outcome = try world.sh("\"$SANDBOX\" \(words) >/dev/full")
            #expect(outcome.status == 125)
            #expect(outcome.errors.contains("can't write to standard output"), "\(outcome.errors)")
        }
    }

    @Test func noSpaceLeft() throws {
        let outcome = try world.sh(
            """
            tar -C root --owner=0 --group=0 -cf root.tar . && unshare -Urm sh -c 'mkdir -p small && mount -t tmpfs -o size=1m t small &&
            XDG_DATA_HOME=$PWD/small "$SANDBOX" import root.tar x; echo $?; find small -mindepth 3 -not -type d -size +0; ls small/sandbox/images'
            """)
        #expect(outcome.errors.contains("no space left"), "\(outcome.errors)")
        #expect(outcome.lines == ["125"])
    }

    @Test func aCommandThatCanNotStartKeepsNothingUnderANewName() throws {
        #expect(try world.sandbox(["run", "--name", "k", "host", "/no/such"]).status == 127)
        #expect(try world.sandbox(["list"]).output.isEmpty || !world.sandbox(["list"]).output.contains("k"))
        #expect(try world.sandbox(["run", "--name", "k", "host", "true"]).status == 0)
        // One that is kept already stays.
        #expect(try world.sandbox(["start", "k", "/no/such"]).status == 127)
        #expect(try world.sandbox(["start", "k", "true"]).status == 0)
    }

    @Test func aFolderThatIsGoneIsNamed() throws {
        let outcome = try world.sh("mkdir gone && cd gone && rmdir ../gone && \"$SANDBOX\" run host true")
        #expect(
            outcome.status == 125 && outcome.errors.contains("the current folder has been removed"), "\(outcome.errors)"
        )
    }

    @Test(arguments: ["2>&-", "2>/dev/full"])
    func errorsThatNobodyCanReadAreErrors(_ redirection: String) throws {
        for words in ["rm nope", "nope", "rmi nope", "profile check nope"] {
            #expect(try world.sh("\"$SANDBOX\" \(words) \(redirection)").status == 125, "\(words)")
        }
    }
}
