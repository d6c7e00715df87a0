// What `--profile build` installs, by which package manager, and what of that is kept. The managers are scripts that write
// down what they were told: which packages there are is the distributions' matter.

import TestWorld
import Testing

final class BuildProfileTests {
    let world: World

    init() throws {
        world = try World()
        try world.sh(
            """
            mkdir -p root/bin root/etc root/var/lib root/var/cache && cp "$(command -v busybox)" root/bin/busybox
            for name in sh cat echo mkdir touch rm find sort; do ln -s busybox root/bin/$name; done
            """)
        try world.write(
            "p.toml",
            """
            extends = "build"
            [setup]
            network = "none"
            """)
        for (name, cache) in Self.caches {
            try world.write(
                "root/bin/\(name)",
                """
                #!/bin/sh
                echo "\(name) $*" >>/said
                mkdir -p \(cache) && touch \(cache)/downloaded
                case " $* " in *" clean "*) rm -rf \(cache)/downloaded;; *" --no-cache "*) rm -rf \(cache)/downloaded;; esac

                """)
        }
        try world.sh("chmod 755 root/bin/*")
    }

    private static let caches = [
        ("apk", "/var/cache/apk"), ("apt-get", "/var/cache/apt/archives /var/lib/apt/lists"),
        ("microdnf", "/var/cache/dnf"),
        ("zypper", "/var/cache/zypp"), ("pacman", "/var/cache/pacman/pkg"),
    ]

    /// The distribution's own name, its kin, and which manager is asked for which set.
    private static let kin = [
        ("alpine", "", "apk add --no-cache build-base"), ("postmarketos", "alpine", "apk add --no-cache build-base"),
        ("debian", "", "apt-get install -y --no-install-recommends build-essential"),
        ("ubuntu", "debian", "apt-get install -y --no-install-recommends build-essential"),
        ("linuxmint", "ubuntu debian", "apt-get install -y --no-install-recommends build-essential"),
        ("fedora", "", "microdnf install -y gcc"), ("rocky", "rhel centos fedora", "microdnf install -y gcc"),
        ("amzn", "fedora", "microdnf install -y gcc"),
        ("opensuse-leap", "suse opensuse", "zypper --non-interactive install --no-recommends gcc"),
        ("sles", "suse", "zypper --non-interactive install --no-recommends gcc"),
        ("arch", "", "pacman -Syu --noconfirm --needed base-devel"),
        ("manjaro", "arch", "pacman -Syu --noconfirm --needed base-devel"),
    ]

    @Test func eachDistributionAndItsKinInstallWhatBuildingTakes() throws {
        for (name, like, words) in Self.kin {
            try world.write("root/etc/os-release", "ID=\(name)\nID_LIKE=\"\(like)\"\n")
            let outcome = try world.sandbox([
                "run", "--quiet", "--profile", "./p.toml", "./root", "sh", "-c",
                "cat /said; find /var/cache /var/lib -name downloaded",
            ])
            let text = outcome.output
            #expect(outcome.status == 0 && text.contains(words), "\(name): \(text) \(outcome.errors)")
            #expect(text.contains(" git") && (text.contains(" patch") || text.contains("base-devel")), "\(name)")
            #expect(
                (text.contains("pkg") || text.contains("base-devel")) && !text.contains("downloaded"),
                "\(name): \(text)")
        }
    }
}
