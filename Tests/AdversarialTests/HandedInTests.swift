// Files that the caller hands in as standard input, output and error: what they contain and who may use them.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct HandedInTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.compile("handed-in")
        try world.write(
            "has-list", "#!/usr/bin/python3\nimport os\nprint(int('system.posix_acl_access' in os.listxattr('file')))\n"
        )
        try world.sh("chmod +x has-list")
    }

    /// Contents, mode, owner and access list of `file` after a run, and what was said inside.
    private func after(_ run: String) throws -> (file: String, said: String) {
        try world.sh("rm -f file; printf before >file; chmod 640 file")
        let said = try world.sh(run)
        #expect(said.status == 0, "\(said)")
        let file = try world.sh("cat file; stat -c ' %a %U' file | sed \"s/ $(id -un)$//\"; ./has-list")
        return (file.output, said.output + said.errors)
    }

    private static let untouched = "before 640\n0\n"

    /// Who owns the file may do all of it by any descriptor.
    @Test(arguments: [
        "", "--read-only", "--id-map single", "--landlock off", "--user 1000", "--cap-add ALL --seccomp none",
    ])
    func aFileThatIsReadKeepsWhatItIs(_ options: String) throws {
        let run = "\"$SANDBOX\" run \(options) ./root handed-in 0"
        for way in ["chmod", "chmod-path", "chown", "list", "truncate", "chmod list chown truncate"] {
            #expect(try after("\(run) \(way) <file").file == Self.untouched, "\(way)")
        }
        // Without Landlock nothing but the file's mode says that it is not to be opened for writing.
        if !options.contains("off"), !options.contains("ALL"), Landlock.version >= 2 {
            #expect(try after("\(run) reopen overwrite <file").file == Self.untouched)
        }
    }

    @Test(arguments: [
        "", "--read-only", "--id-map single", "--landlock off", "--user 1000", "--cap-add ALL --seccomp none",
    ])
    func aLogIsOnlyAddedTo(_ options: String) throws {
        let run = "\"$SANDBOX\" run \(options) ./root handed-in"
        for (number, redirection) in [(1, ">>file"), (2, "2>>file")] {
            let found = try after(
                "\(run) \(number) chmod chmod-path chown list truncate reopen overwrite \(redirection)"
            ).file
            #expect(found.hasPrefix("before") && found.hasSuffix(" 640\n0\n"), "\(number): \(found)")
        }
    }

    /// One that is opened to be written to is written to as one likes, and is nobody else's at the end.
    @Test func aFileThatIsWrittenKeepsItsMode() throws {
        let run = "\"$SANDBOX\" run ./root handed-in 1"
        #expect(try after("\(run) chmod list chown truncate 1<>file").file == " 640\n0\n")
        #expect(try after("\(run) chmod 1<>file; true").said.contains("chmod 0"))
    }

    /// Outside, there is nothing to it.
    @Test func outsideAllOfItSucceeds() throws {
        #expect(try after("./handed-in 0 truncate <file").file == " 640\n0\n")
        #expect(try after("./handed-in 0 chmod <file").file == "before 4777\n0\n")
        #expect(try after("./handed-in 1 truncate >>file").file == " 640\n0\n")
        #expect(try after("./handed-in 0 list <file").file != Self.untouched)
    }

    private static let attributes = """
        python3 -c 'import os
        print([(name, os.getxattr("file", name)) for name in sorted(os.listxattr("file"))])'
        lsattr file 2>/dev/null | cut -d" " -f1; exit 0
        """

    /// Attributes, file capabilities and the flags of chattr(1); those that were there, too.
    @Test(arguments: ["", "--id-map single", "--cap-add ALL --seccomp none"])
    func aFileThatIsReadKeepsItsAttributes(_ options: String) throws {
        let ways = "capabilities attribute no-attribute flags"
        func made(_ run: String) throws -> (before: String, after: String) {
            let outcome = try world.sh(
                "rm -f file; echo x >file; python3 -c 'import os; os.setxattr(\"file\", \"user.kept\", b\"k\")'")
            #expect(outcome.status == 0, "needs a file system with attributes in TMPDIR: \(outcome)")
            let before = try world.sh(Self.attributes).output
            let said = try world.sh(run)
            #expect(said.status == 0, "\(said)")
            return (before, try world.sh(Self.attributes).output)
        }
        let inside = try made("\"$SANDBOX\" run \(options) ./root handed-in 0 \(ways) <file")
        #expect(inside.before == inside.after)
        let outside = try made("./handed-in 0 \(ways) <file")
        #expect(outside.before != outside.after)
    }

    /// Whoever opens a file to write to it waits for those who have a lease on it, for most of a minute.
    @Test func noLeaseStaysOnAFile() throws {
        let write = "timeout 2 sh -c 'echo more >>file' && echo open"
        #expect(
            try world.sh("echo x >file; exec 7<file; \"$SANDBOX\" run ./root handed-in 0 lease <&7; \(write)").output
                == "open\n")
        #expect(try world.sh("exec 7<file; ./handed-in 0 lease <&7; \(write)").output.isEmpty)
    }

    /// Who closes a file while a sandbox has it does not find it open again.
    @Test(arguments: ["<file", ">file", "1<>file"])
    func aFileThatWasClosedMeanwhileStaysClosed(_ redirection: String) throws {
        let number = redirection == "<file" ? 0 : 1
        let outcome = try world.sh(
            """
            mkdir -p sign; rm -f sign/*; echo x >file; chmod 644 file
            "$SANDBOX" run --bind ./sign:/sign ./root \
              sh -c 'handed-in \(number) chmod; : >/sign/in; until [ -e /sign/go ]; do sleep 0.02; done' \(redirection) 2>/dev/null &
            until [ -e sign/in ]; do sleep 0.02; done
            chmod 600 file; : >sign/go; wait; stat -c %a file
            """)
        #expect(outcome.output == "600\n", "\(outcome)")
    }

    /// What scripts do with a log.
    @Test func aLogGetsAllThatIsSaid() throws {
        let script =
            "echo a; echo b >&2; echo c >/dev/stdout; echo d >/dev/stderr; echo e >>/dev/stderr; "
            + "seq 30000; echo end"
        let outcome = try world.sh(
            """
            echo old >log; "$SANDBOX" run ./root sh -c '\(script)' >>log 2>&1
            head -6 log | tr '\\n' ' '; tail -1 log; wc -l <log
            : >two; "$SANDBOX" run ./root sh -c 'echo x; echo y >&2' >>log 2>>two; tail -1 log; cat two
            "$SANDBOX" run ./root sh -c 'echo z; sleep 60' >>two & sleep 1; kill $!; wait $!; tail -1 two
            """)
        #expect(outcome.lines == ["old a b c d e end", "30007", "x", "y", "z"], "\(outcome)")
    }

    /// A disk that is full is the command's to know of.
    @Test func aLogThatIsFullEndsItsWriter() throws {
        let outcome = try world.sh(
            """
            unshare -Urm sh -c 'mkdir small; mount -t tmpfs -o size=64k small small
              "$SANDBOX" run --timeout 20 --id-map single ./root yes >>small/log; echo $?; tail -1 small/log'
            """)
        #expect(outcome.lines.first == "\(128 + SIGPIPE)", "\(outcome)")
    }

    /// Truncating one's own files goes on beside it.
    @Test func onesOwnFilesAreTruncated() throws {
        let outcome = try after(
            "\"$SANDBOX\" run ./root sh -c 'echo x >/tmp/own; exec 3</tmp/own; handed-in 3 truncate; wc -c </tmp/own' <file"
        )
        #expect(outcome.said.contains("0\n"), "\(outcome)")
    }
}
