// What `host` shows of this machine: its programs, and nobody's files.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct HostViewTests {
    let world: World

    init() throws { world = try World() }

    static let system: Set<String> = [
        "bin", "etc", "gnu", "lib", "lib32", "lib64", "libo32", "libx32", "nix", "opt", "sbin", "snap", "usr", "var",
    ]

    @Test func oddFoldersOfTheTopAreNotThere() throws {
        let outcome = try world.sandbox([
            "run", "host", "sh", "-c", "cd /; for f in *; do echo \"$f\" $(ls -A $f); done",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let shown = Dictionary(
            uniqueKeysWithValues: outcome.lines.map { line in
                let words = line.split(separator: " ", maxSplits: 1).map(String.init)
                return (words[0], words.count > 1 ? words[1] : "")
            })
        #expect(shown["usr"]?.contains("bin") == true && shown["etc"]?.contains("passwd") == true)
        for (name, entries) in shown where !Self.system.contains(name) && !["dev", "proc", "sys"].contains(name) {
            #expect(entries.isEmpty, "/\(name) holds \(entries)")
        }
    }

    /// A machine with homes where they may be, made of mounts in a namespace of the test's own.
    private func onAMachine(_ home: String, options: String = "", _ words: String) throws -> Outcome {
        try world.write(
            "passwd",
            """
            root:x:0:0::/root:/bin/sh
            bin:x:2:2::/usr/bin:/sbin/nologin
            man:x:6:12::/var/cache/man:/sbin/nologin
            jenkins:x:101:101::/var/lib/jenkins:/bin/sh
            ada:x:1000:1000::/opt/ada-home:/bin/sh
            bob:x:1001:1001::/var/home/bob:/bin/sh
            eve:x:1002:1002::/opt/link:/bin/sh
            odd:x:1003:1003::/usr/lib:/bin/sh

            """)
        // What these programs are loaded from may lie in /opt: filter and profile are made before that is covered.
        return try world.sh(
            """
            unshare -Urm sh -ec '
              export HOME=\(home) XDG_CACHE_HOME=$PWD/cache XDG_CONFIG_HOME=$PWD/config XDG_DATA_HOME=/opt/mine
              "$SANDBOX" run --id-map single \(options) host true
              mkdir -p etc; cp -r /etc/. etc 2>/dev/null || :; cp passwd etc; mount --bind etc /etc
              mount -t tmpfs t /opt; mount -t tmpfs t /var
              for f in opt/ada-home opt/tool opt/eve opt/mine/sandbox var/home/bob var/people/ldap var/people/other \\
                var/lib/jenkins var/lib/dpkg var/lib/misc var/cache/man var/mail/ada var/spool/cron/ada var/spool/at \\
                var/spool/mail var/log var/tmp; do mkdir -p /$f; echo text >/$f/file; done
              ln -s eve /opt/link; ln -s /opt/ada-home /var/lib/way; chmod -R a+rX /opt /var; chmod 700 /opt/mine/sandbox
              exec "$SANDBOX" run --id-map single \(options) \(words)'
            """)
    }

    @Test func homesOfAnyAccountAreEmptyWhereverTheyLie() throws {
        let outcome = try onAMachine(
            "/var/people/ldap", "host find /opt /var /usr/lib/os-release -name file -o -name os-release")
        #expect(
            outcome.lines.sorted() == [
                "/opt/tool/file", "/usr/lib/os-release", "/var/cache/man/file", "/var/lib/dpkg/file",
                "/var/lib/misc/file", "/var/log/file",
            ], "\(outcome)")
    }

    @Test func theFoldersThemselvesAreThereAndCanBeFilled() throws {
        let outcome = try onAMachine(
            "/var/home/bob",
            "host sh -ec \"cd /var/home; echo x >y; mkdir /var/spool/z; ls -A /var/home /var/spool\"")
        #expect(outcome.lines == ["/var/home:", "y", "/var/spool:", "z"], "\(outcome)")
    }

    @Test(arguments: ["", "--read-only", "--nested"])
    func whatIsAskedForIsThere(_ options: String) throws {
        for place in ["/var/home/bob", "/opt/ada-home", "/var/people/other"] {
            let outcome = try onAMachine(
                "/var/people/ldap", options: options, "--bind \(place)/file host find \(place) /var/mail -type f")
            #expect(outcome.output == "\(place)/file\n", "\(outcome)")
        }
    }

    /// Whoever may take off mounts finds nothing under these.
    @Test func thereIsNoMountToTakeOff() throws {
        let script = "for d in /var/home /opt/ada-home; do umount \\$d; ls \\$d; done"
        let outcome = try onAMachine(
            "/var/people/ldap", options: "--cap-add CAP_SYS_ADMIN --seccomp none", "host sh -c \"\(script)\"")
        #expect(outcome.output.isEmpty && outcome.errors.contains("not mounted"), "\(outcome)")
    }

    @Test func anExplanationSaysWhatIsShown() throws {
        let outcome = try onAMachine("/var/people/ldap", "--explain host true")
        for words in [
            "shows /bin /etc", "/opt/ada-home /opt/eve /opt/mine/sandbox /var/home /var/lib/jenkins /var/mail",
        ] {
            #expect(outcome.output.contains(words), "\(outcome)")
        }
    }
}
