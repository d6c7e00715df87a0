// Ways out that were found once, and stay closed.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct AttackTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    @Test(arguments: [["--upper", "disk"], ["--upper", "./up"], ["--name", "n"]])
    func aWorkFolderThatIsADescriptorOfTheLauncher(_ options: [String]) throws {
        try world.sh("ln -s /proc/self/fd root/fds")
        for number in 3...12 {
            let outcome = try world.sandbox(
                ["run"] + options + [
                    "--workdir", "/fds/\(number)", "./root", "sh", "-c", "cd ../../../../../../..; ls",
                ])
            #expect(outcome.status == 125 && outcome.output.isEmpty, "\(number): \(outcome.output)")
            _ = try world.sandbox(["rm", "n"])
        }
    }

    @Test func aWorkFolderThatIsADescriptorOfTheCaller() throws {
        let outcome = try world.sh(
            "exec 7</; \"$SANDBOX\" run -w /proc/self/fd/7 ./root ls; \"$SANDBOX\" run ./root /proc/self/fd/7/bin/true")
        #expect(outcome.output.isEmpty)
        #expect(outcome.status == 127)
    }

    @Test func accountFilesThatLeadOut() throws {
        try world.write("fake", "root:x:0:0::/from-outside:/bin/sh\n")
        try world.sh("ln -sf /proc/self/fd/3/../../../../../../..\(world.folder)/fake root/etc/passwd")
        let outcome = try world.run(["--upper", "disk", "--user", "0"], "echo $HOME")
        #expect(!outcome.output.contains("from-outside"))
    }

    @Test func aFolderAsStandardInput() throws {
        let outcome = try world.sh("\"$SANDBOX\" run ./root ls /proc/self/fd/0/ </")
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.errors.contains("descriptor 0"))
    }

    /// The kernel runs the launcher itself for `#!/proc/self/exe`; its file must not be writable from inside.
    @Test func theLaunchersOwnFile() throws {
        let prefix = world.folder + "/prefix"
        let installed = World.binary.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 }
        try world.sh("cp -r '\(installed)' prefix; mkdir -p root\(prefix)/libexec/sandbox root/proc/self")
        let manage = "root\(prefix)/libexec/sandbox/sandbox-manage"
        let attack = "#!/bin/sh\nchmod 4777 /proc/$PPID/exe; echo x >>/proc/$PPID/exe; touch /reached\n"
        try world.write(manage, attack)
        // Where a sealed copy looks for its other half inside.
        try world.write("root/usr/sandbox-manage", attack)
        try world.write("root/pwn", "#!/proc/self/exe run\n")
        try world.sh("chmod 755 \(manage) root/usr/sandbox-manage root/pwn")
        let before = try world.sh("stat -c '%a %s' prefix/bin/sandbox; sha256sum prefix/bin/sandbox").output
        #expect(try world.sh("prefix/bin/sandbox run ./root true").status == 0)
        _ = try world.sh("prefix/bin/sandbox run ./root /pwn")
        #expect(try world.sh("stat -c '%a %s' prefix/bin/sandbox; sha256sum prefix/bin/sandbox").output == before)
    }

    @Test func aSignalToItsGroup() throws {
        let outcome = try world.sh("\"$SANDBOX\" run ./root sh -c 'kill -9 0; kill -9 -1'; echo outside lives")
        #expect(outcome.output == "outside lives\n")
    }

    @Test func anUpperThatTheSandboxCouldReplace() throws {
        let outcome = try world.run(["--here", "--upper", "./up"], "true")
        #expect(outcome.status == 125 && outcome.errors.contains("can write through"))
        try world.sh(
            "mkdir -p vic/work up .up.sandbox && echo keep >vic/work/file && ln -s ../vic/work .up.sandbox/work")
        #expect(try world.run(["--upper", "./up"], "true").status == 125)
        #expect(try world.sh("cat vic/work/file").output == "keep\n")
    }

    @Test func aMaskOnNothingIsAnError() throws {
        let outcome = try world.run(["--mask", "/nowhere"], "true")
        #expect(outcome.status == 125 && outcome.errors.contains("can't hide /nowhere"))
    }

    @Test func manyAtOnceDoNotSweepEachOther() throws {
        let outcome = try world.sh("for i in $(seq 30); do \"$SANDBOX\" run --upper disk ./root true & done; wait")
        #expect(outcome.errors.isEmpty)
        #expect(try world.sh("ls home/.local/share/sandbox/ephemeral").output.isEmpty)
    }
}
