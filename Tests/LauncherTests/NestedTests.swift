// Sandboxes within a sandbox (--nested), and what a nested user namespace still can't undo.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct NestedTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    /// Shows the program and its profiles where this machine has nothing, wherever they lie on it: `host` can't be made of
    /// a folder of the machine that has a mount in it.
    static let shown: (options: [String], binary: String) = {
        let mark = [".build/", "/bin/sandbox"].lazy.compactMap { World.binary.range(of: $0) }.first
        let folder = mark.map { String(World.binary[..<$0.lowerBound]) } ?? World.binary
        return (["--bind", folder + ":/tested:ro"], "/tested/" + World.binary.dropFirst(folder.count))
    }()

    private func within(_ outer: [String], _ inner: [String]) throws -> Outcome {
        // Memory that can hold the upper of an inner one came with 6.6.
        let inner = (Kernel.version >= (6, 6) ? [] : ["--read-only"]) + inner
        return try world.sandbox(
            ["run", "--nested"] + Self.shown.options + outer + ["host", Self.shown.binary, "run"] + inner)
    }

    @Test(arguments: ["unshare -U true", "unshare -Ur unshare -m mount -t tmpfs x /mnt", "unshare -Urn ifconfig lo up"])
    func namespacesAreForThoseWhoAskedForThem(_ command: String) throws {
        let script = "mkdir -p /mnt; \(command)"
        #expect(try world.run(script).status != 0)
        let outcome = try world.run(["--nested"], script)
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    @Test func oneGroupOfCallsCanBeOpenedAlone() throws {
        #expect(try world.run(["--allow", "namespaces"], "unshare -U true").status == 0)
        #expect(try world.run(["--allow", "unshare"], "unshare -U true").status == 0)
        #expect(try world.run(["--allow", "mount"], "unshare -U true").status != 0)
        // The filter lets the call through; without the capability the kernel does not.
        let outcome = try world.run(["--allow", "mount"], "mkdir /mnt; mount -t tmpfs x /mnt")
        #expect(outcome.status != 0)
    }

    @Test(arguments: [
        [], ["--id-map", "single"], ["--user", "1000:1000", "--env", "HOME=/tmp"],
        ["--profile", "strict", "--user", "1000", "--env", "HOME=/tmp"], ["--read-only", "--env", "HOME=/tmp"],
    ])
    func aSandboxWithinASandbox(_ options: [String]) throws {
        let outcome = try within(
            options, ["host", "sh", "-c", "echo inside; id -u; grep -c . /proc/self/mountinfo; exit 7"])
        #expect(outcome.status == 7, "\(outcome.errors)")
        #expect(outcome.lines.prefix(2) == ["inside", "0"])
    }

    @Test func theInnerOneGivesOutTheIdsOfTheOuter() throws {
        let outcome = try within(
            ["--id-map", "range"], ["host", "sh", "-c", "touch /tmp/f; chown 1000:1000 /tmp/f; stat -c %u:%g /tmp/f"])
        #expect(outcome.output == "1000:1000\n", "\(outcome.errors)")
    }

    @Test func withoutNestedTheInnerOneSaysWhy() throws {
        let outcome = try world.sandbox(
            ["run"] + Self.shown.options + ["host", Self.shown.binary, "run", "host", "true"])
        #expect(outcome.status == 125)
        #expect(
            outcome.errors.contains("hides what is needed to make namespaces") && outcome.errors.contains("--nested"),
            "\(outcome.errors)")
    }

    @Test func rightsOfTheOuterOneStayAsTheyWere() throws {
        let lines = try world.run(["--nested"], "cat /proc/self/status").lines
        for line in ["CapEff:\t00000000800405fb", "CapBnd:\t00000000800405fb", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            #expect(lines.contains(line), "\(line)")
        }
        let own = try world.run(
            ["--nested"], "mkdir /mnt; mount -t tmpfs x /mnt; umount /tmp; hostname other; mount -o remount,rw /sys")
        #expect(own.status != 0 && own.errors.split(separator: "\n").count == 4, "\(own.errors)")
    }

    /// Each tries to see `secret`, which is masked, or to write to the read-only bind.
    @Test(arguments: [
        "umount /in/masked/file", "umount -l /in/masked/file", "umount /in/masked", "umount -l /in/masked",
        "umount /ro", "mount -o remount,bind,rw /ro", "mount -o remount,rw /ro", "mount --bind /ro /mnt",
        "mount --bind / /mnt", "mount --rbind / /mnt", "mount --bind /in /mnt", "mount --rbind /in /mnt",
        "mount --move /in/masked /mnt", "mount -t overlay -o lowerdir=/in,userxattr x /mnt",
        "mount -t overlay -o lowerdir=/in:/bin,userxattr x /mnt", "mount --make-rshared /; umount -l /in/masked",
        "mount --rbind / /mnt; umount -l /mnt/in/masked; umount -l /mnt/ro; mount -o remount,bind,rw /mnt/ro",
        "mount --rbind / /mnt; cd /mnt; mkdir -p old; pivot_root . old; umount -l /old/in/masked; umount -l /in/masked",
        "chroot /proc/1/root umount -l /in/masked", "umount -l /",
    ])
    func masksAndReadOnlyBindsHoldInANestedUserNamespace(_ attack: String) throws {
        try world.sh(
            "mkdir -p root/in/masked root/ro root/mnt ro; echo outside >ro/file; echo secret >root/in/masked/file")
        let script = """
            ls -d /in/masked >/dev/null && ls -A /ro | grep -q file || exit 9
            unshare -Urm sh -c '\(attack)
            for top in "" /mnt /old /mnt/old; do
              cat $top/in/masked/file $top/masked/file
              echo changed >$top/ro/file; echo changed >$top/file; mv $top/ro/file $top/ro/other
            done'; ls -A /in/masked
            """
        let outcome = try world.run(
            ["--nested", "--read-only", "--mask", "/in/masked", "--bind", "\(world.folder)/ro:/ro:ro"], script)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(!outcome.output.contains("secret") && !outcome.output.contains("file"), "\(outcome.output)")
        #expect(try world.sh("cat ro/*; ls ro").output == "outside\nfile\n")
    }

    /// What the attacks above would do if nothing were locked: in the sandbox's own namespace, with the capability.
    @Test func masksAndReadOnlyBindsAreForThoseWithTheCapabilityToUndo() throws {
        try world.sh("mkdir -p root/in/masked root/ro ro; echo outside >ro/file; echo secret >root/in/masked/file")
        let outcome = try world.run(
            ["--cap-add", "sys_admin", "--mask", "/in/masked", "--bind", "\(world.folder)/ro:/ro:ro"],
            "umount -l /in/masked; cat /in/masked/file; mount -o remount,bind,rw /ro && echo changed >/ro/file")
        #expect(outcome.output == "secret\n", "\(outcome.errors)")
        #expect(try world.sh("cat ro/file").output == "changed\n")
    }

    @Test(arguments: [
        "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity", "/sys/kernel/uevent_helper", "/proc/sys/kernel/modprobe",
    ])
    func theKernelsFilesAreNotTheirsToWrite(_ path: String) throws {
        let write = "[ ! -e \(path) ] || ! echo x >\(path)"
        for script in [
            write, "unshare -Urm sh -c '\(write)'", "unshare -Urmpf sh -c 'mount -t proc p /proc; \(write)'",
        ] {
            let outcome = try world.run(["--nested"], script)
            #expect(outcome.status == 0, "\(script): \(outcome.errors)")
        }
    }

    @Test(arguments: ["proc", "sysfs"])
    func whatIsMaskedIsShownAgainOnlyWithNested(_ type: String) throws {
        let script = "mkdir /mnt; unshare -Urmpfn mount -t \(type) -o ro,nosuid,nodev,noexec x /mnt"
        let open = try world.run(["--nested"], script)
        #expect(open.status == 0, "\(open.errors)")
        // The calls alone are not enough: the kernel sees the masks (mount_too_revealing).
        #expect(try world.run(["--allow", "namespaces", "--allow", "mount"], script).status != 0)
    }

    @Test func aProjectMayNotAskForItUntrusted() throws {
        try world.write(".sandbox/profiles/open.toml", "nested = true\n")
        let outcome = try world.sandbox(["run", "--profile", "open", "./root", "true"])
        #expect(outcome.status == 125 && outcome.errors.contains("nested"), "\(outcome.errors)")
    }
}
