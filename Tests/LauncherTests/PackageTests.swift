// Package managers and tar as id 0, with a range of ids and with one: packages whose files belong to many, carry set-id
// bits and capabilities, and whose scripts make users. (apk: RecipeTests.)

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct PackageTests {
    let world: World

    init() throws { world = try World() }

    private static func has(_ paths: String...) -> Bool { paths.allSatisfy { Files.isAccessible($0, 1) } }
    private static let modes = ["range", "single"]

    private func shell(_ script: String) throws {
        let outcome = try world.sh(script)
        try #require(outcome.status == 0, "\(outcome.errors)")
    }

    /// An image `debian` of packages of this machine, and what `Tests/Fixtures/make-FORMAT-repo` makes in `repo`.
    private func prepare(_ packages: String, repository format: String) throws {
        try shell(
            """
            set -e; fixtures='\(HelperProcess.checkout)/Tests/Fixtures'
            $fixtures/make-debian debian.tar \(packages); $fixtures/make-\(format)-repo repo
            "$SANDBOX" import debian.tar debian; rm debian.tar
            """)
    }

    private func run(_ mode: String, _ script: String) throws -> Outcome {
        try world.sandbox([
            "run", "--id-map", mode, "--bind", "\(world.folder)/repo:/repo:ro", "--env",
            "DEBIAN_FRONTEND=noninteractive", "debian", "sh", "-ec", script,
        ])
    }

    /// The only lines on standard output: what package managers say there goes elsewhere.
    private static let list = """
        stat -c '%a %U:%G %n' /usr/bin/probe* /usr/share/probe /usr/share/probe/* /var/lib/probe /var/lib/probe/*
        getcap /usr/bin/probe*; id -nG probe | tr ' ' '\\n' | sort | xargs
        """

    /// With one id everything is root's, and all else is as with many.
    private func expected(_ lines: [String], _ mode: String) -> [String] {
        if mode == "range" { return lines }
        return lines.map { $0.replacing(#/^(\d+) \S+/#) { $0.output.1 + " root:root" } }
    }

    @Test(
        .enabled(
            if: has("/usr/bin/dpkg-query", "/usr/bin/apt-get", "/usr/sbin/adduser", "/usr/sbin/setcap"),
            "needs apt-get, adduser and setcap"))
    func aptInstallsAndPurges() throws {
        try prepare("apt adduser libcap2-bin", repository: "deb")
        for mode in Self.modes {
            let outcome = try run(
                mode,
                """
                rm -rf /etc/apt/sources.list.d; echo 'deb [trusted=yes] file:/repo ./' >/etc/apt/sources.list
                (apt-get update; apt-get install -y probe; dpkg --audit) >&2; id -nG probe-too | grep -qw games
                \(Self.list)
                apt-get purge -y probe >&2; test ! -e /var/lib/probe; ! id probe >&2
                """)
            #expect(outcome.status == 0, "\(mode): \(outcome.output) \(outcome.errors)")
            let lines = [
                "2755 root:probe /usr/bin/probe", "755 root:root /usr/bin/probe-capable",
                "2755 root:shadow /usr/bin/probe-set-group", "4755 root:root /usr/bin/probe-set-user",
                "2775 games:games /usr/share/probe", "640 games:games /usr/share/probe/games",
                "777 UNKNOWN:UNKNOWN /usr/share/probe/link", "600 nobody:nogroup /usr/share/probe/nobody",
                "2750 probe:probe /var/lib/probe", "644 probe:games /var/lib/probe/file",
                "4755 probe:games /var/lib/probe/true", "/usr/bin/probe-capable cap_net_raw=ep", "probe",
            ]
            #expect(outcome.lines == expected(lines, mode), "\(mode)")
        }
    }

    @Test(
        .enabled(
            if: has("/usr/bin/dpkg-query", "/usr/bin/dnf", "/usr/bin/rpmbuild", "/usr/bin/createrepo_c"),
            "needs dnf, rpmbuild and createrepo_c"))
    func dnfInstallsAndRemoves() throws {
        try prepare("dnf rpm passwd libcap2-bin", repository: "rpm")
        for mode in Self.modes {
            let outcome = try run(
                mode,
                """
                dnf() { command dnf -y '--disablerepo=*' --repofrompath=probe,file:///repo --nogpgcheck "$@" >&2; }
                dnf install probe; rpm -q probe >&2; rpm -V --nocaps \(mode == "range" ? "" : "--nouser --nogroup") probe
                \(Self.list)
                dnf remove probe; test ! -e /var/lib/probe; ! id probe >&2; ! rpm -q probe >&2
                """)
            #expect(outcome.status == 0, "\(mode): \(outcome.output) \(outcome.errors)")
            let lines = [
                "755 root:root /usr/bin/probe", "755 root:root /usr/bin/probe-capable",
                "2755 root:games /usr/bin/probe-set-group", "4755 root:root /usr/bin/probe-set-user",
                "2775 games:games /usr/share/probe", "640 probe:games /usr/share/probe/games",
                "777 root:root /usr/share/probe/link", "600 nobody:nogroup /usr/share/probe/nobody",
                "2750 probe:games /var/lib/probe", "644 probe:games /var/lib/probe/file",
                "/usr/bin/probe cap_net_raw=ep", "/usr/bin/probe-capable cap_net_raw=ep", "probe",
            ]
            #expect(outcome.lines == expected(lines, mode), "\(mode)")
        }
    }

    /// Both GNU's tar, which `host` has, and busybox's. Device nodes can't be made in a user namespace (mknod(2)), nor
    /// would they open anything: tar goes on without, and GNU's says so in the end.
    @Test(.enabled(if: has("/usr/bin/python3", "/bin/tar"), "needs python3 and tar"), arguments: modes, [false, true])
    func tarKeepsOwners(_ mode: String, _ devices: Bool) throws {
        try world.makeRoot()
        try world.write(
            "make.py",
            """
            import io, sys, tarfile
            tar = tarfile.open("repo/many.tar", "w", format=tarfile.PAX_FORMAT)
            def add(name, kind, mode, owner, device=(0, 0), link="", data=b""):
                info = tarfile.TarInfo(name)
                info.type, info.mode, info.size, info.linkname, info.mtime = kind, mode, len(data), link, 1
                (info.uid, info.gid), (info.devmajor, info.devminor) = owner, device
                tar.addfile(info, io.BytesIO(data))
            add("d", tarfile.DIRTYPE, 0o2775, (5, 60))
            for id in (0, 1, 42, 1000, 65534): add(f"d/{id}", tarfile.REGTYPE, 0o6755, (id, id + 1), data=b"x")
            add("d/link", tarfile.SYMTYPE, 0o777, (7, 8), link="0")
            add("d/hard", tarfile.LNKTYPE, 0o6755, (0, 1), link="d/0")
            add("d/pipe", tarfile.FIFOTYPE, 0o620, (9, 10))
            if sys.argv[1] == "true":
                add("char", tarfile.CHRTYPE, 0o666, (0, 0), device=(1, 3))
                add("block", tarfile.BLKTYPE, 0o660, (0, 6), device=(8, 0))
            add("last", tarfile.REGTYPE, 0o600, (3, 4))
            """)
        try shell("mkdir repo; python3 make.py \(devices)")
        for root in ["host", "./root"] {
            let outcome = try world.sandbox([
                "run", "--id-map", mode, "--bind", "\(world.folder)/repo:/mnt:ro", root, "sh", "-c",
                "cd /tmp; tar xpf /mnt/many.tar; echo $?; stat -c '%a %u:%g %n' d d/* last; ls",
            ])
            let owners = [
                "2775 5:60 d", "6755 0:1 d/0", "6755 1:2 d/1", "6755 1000:1001 d/1000", "6755 42:43 d/42",
                // Busybox's leaves links to the group of their folder.
                "6755 65534:65535 d/65534", "6755 0:1 d/hard", "777 \(root == "host" ? "7:8" : "0:60") d/link",
                "620 9:10 d/pipe", "600 3:4 last",
            ].map { mode == "range" ? $0 : $0.replacing(#/ \d+:\d+ /#, with: " 0:0 ") }
            let status = devices && root == "host" ? "2" : "0"
            #expect(outcome.lines == [status] + owners + ["d", "last"], "\(root): \(outcome)")
            let refused = outcome.errors.split(separator: "\n").filter { $0.contains("Operation not permitted") }
            #expect(refused.count == (devices ? 2 : 0), "\(root): \(outcome.errors)")
            #expect(refused.allSatisfy { $0.contains("char") || $0.contains("block") }, "\(outcome.errors)")
        }
    }
}
