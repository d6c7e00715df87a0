// Ways to the host through the kernel's own files and calls.

import Foundation
import TestWorld
import Testing

struct KernelTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    /// With all capabilities and no filter, what is left is what the namespaces hold by themselves.
    private static let weak = ["--cap-add", "ALL", "--seccomp", "none"]

    @Test(arguments: [
        "readlink $P/exe", "ls $P/root/", "ls $P/cwd/", "cat $P/environ", "head -c 1 $P/mem", "ls $P/fd/",
        "cat $P/maps", "readlink $P/ns/mnt",
    ])
    func initCannotBeLookedInto(_ command: String) throws {
        #expect(try world.run("P=/proc/1; \(command)").output.isEmpty)
        #expect(try world.run(Self.weak, "P=/proc/1; \(command)").output.isEmpty)
        // A process of the command's own can, but for memory at address 0.
        if !command.contains("mem") {
            let own = try world.run("cd /etc; sleep 5 & P=/proc/$!; \(command); kill $!")
            #expect(!own.output.isEmpty, "\(own)")
        }
    }

    @Test func noProcessOfTheHostsIsSeen() throws {
        let own = try world.start("/bin/sleep", ["30"])
        defer { own.signal(9) }
        let script = "ls -d $0/[0-9]*; cat $0/*/cwd/outside $0/*/root\(world.folder)/outside; ls -d $0/\(own.id)"
        try world.write("outside", "secret\n")
        let inside = try world.sandbox(["run", "./root", "sh", "-c", script, "/proc"])
        #expect(inside.lines.filter { $0.hasPrefix("/proc/") }.count <= 5, "\(inside.output)")
        #expect(!inside.output.contains("secret"))
        // The host's own /proc shows them; even there, other processes' folders stay closed.
        let shown = try world.sandbox(["run", "--bind", "/proc:/host", "./root", "sh", "-c", script, "/host"])
        #expect(shown.lines.contains("/host/\(own.id)"))
        #expect(!shown.output.contains("secret"))
        #expect(try world.sh("cat /proc/\(own.id)/cwd/outside").output == "secret\n")
    }

    @Test(arguments: [
        "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
        "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity", "/sys/kernel/uevent_helper", "/sys/power/state",
    ])
    func kernelFilesAreNotWritten(_ path: String) throws {
        for options in [[], Self.weak] {
            let outcome = try world.run(
                options,
                "umount /proc/sys; umount /proc/irq; mount -o remount,rw /sys; [ -e \(path) ] && echo x >\(path)")
            #expect(outcome.status != 0, "\(options)")
        }
    }

    /// What is the sandbox's own of /proc/sys is closed by the read-only mount alone.
    @Test func procSysIsReadOnly() throws {
        let attack = "umount /proc/sys; mount -o remount,rw /proc/sys; echo 1 >/proc/sys/net/ipv4/ip_forward; "
        let show = "cat /proc/sys/net/ipv4/ip_forward"
        #expect(try world.run(attack + show).output == "0\n")
        #expect(try world.run(["--cap-add", "ALL"], attack + show).output == "1\n")
    }

    @Test(arguments: ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/kmsg", "/sys/firmware"])
    func sensitiveFilesAreEmpty(_ path: String) throws {
        #expect(try world.run("[ -d \(path) ] && ls \(path) || head -c 1 \(path) 2>/dev/null").output.isEmpty)
    }

    @Test(arguments: [
        "unshare -U true", "unshare -m true", "mount -t tmpfs x /mnt", "umount /tmp", "chroot / mount -t proc p /mnt",
    ])
    func mountsAndNamespacesAreNotMadeInside(_ command: String) throws {
        try world.sh("mkdir root/mnt")
        #expect(try world.run(command).status != 0)
        #expect(try world.run(Self.weak, command).status == 0)
    }

    @Test(arguments: [
        "swapon /bin/busybox", "insmod /bin/busybox", "dmesg", "reboot -f",
        "date -s 2000-01-01; [ $(date +%Y) = 2000 ]", "acpid -d",
    ])
    func whatIsTheMachinesStaysOutOfReach(_ command: String) throws {
        #expect(try world.run(command).status != 0)
        #expect(try world.run(Self.weak + ["--cap-drop", "CAP_SYS_BOOT"], command).status != 0)
    }

    /// In a user namespace of one's own one may mount; the filter refuses both ways to it.
    @Test func aNewUserNamespaceDoesNotMount() throws {
        let attack = "unshare -Urm sh -c 'mount -t tmpfs t /tmp && echo mounted'"
        #expect(try world.run(attack).output.isEmpty)
        #expect(try world.run(["--seccomp", "none", "--landlock", "off"], attack).output == "mounted\n")
    }

    @Test func filesAreNotOpenedByTheirHandles() throws {
        try world.compile("handles")
        try world.write("data/x", "x")
        let bind = ["--bind", "./data:/data"]
        #expect(try world.run(bind, "handles /data; handles /").output == "1 1\n1 1\n")
        // Without the filter a handle is given, and the kernel still opens none on the host's file system.
        #expect(try world.run(Self.weak + bind, "handles /data").lines.first?.hasSuffix(" 0") == false)
        #expect(try world.sh("./handles data").output.hasPrefix("0 "))
        #expect(try world.run(["--seccomp", "none"] + bind, "handles /data").output.hasPrefix("0 "))
    }

    /// The first disk of this machine. Root alone could make a node of it outside.
    @Test func aNodeOfADiskOpensNothing() throws {
        let disk = try world.sh("awk 'NF == 4 && $1 + 0 > 0 { print $1, $2; exit }' /proc/partitions").output
        let numbers = disk.isEmpty ? "8 0" : disk.split(separator: "\n")[0]
        let attack = """
            for at in /node /tmp/node /dev/shm/node; do mknod $at b \(numbers); mknod $at.c c 1 1; head -c 1 $at $at.c; done
            mknod /pipe p && mknod /tmp/whiteout c 0 0 && echo made
            """
        for options in [[], Self.weak] {
            let outcome = try world.run(options, attack)
            #expect(outcome.output == "made\n", "\(outcome)")
        }
    }

    /// A ring of the kernel's does by itself what the filter would refuse to the process.
    @Test func aRingDoesNotGoAroundTheFilter() throws {
        try world.compile("uring")
        #expect(try world.run("uring").output == "97 1 -\n")
        let unfiltered = try world.run(["--seccomp", "none"], "uring").output.split(separator: " ")
        guard unfiltered.count == 3, unfiltered[1] == "0" else { return }  // This kernel has no rings for users.
        // The default filter with rings let through: the ring answers as though there were no filter.
        let profile = URL(fileURLWithPath: #filePath + "/../../../profiles/seccomp/default.json").standardized.path
        try world.sh(
            """
            sed -e 's/"io_uring_enter", "io_uring_register", "io_uring_setup",//' \
            -e 's/"accept", "accept4"/"io_uring_enter", "io_uring_register", "io_uring_setup", &/' '\(profile)' >rings.json
            """)
        let outcome = try world.run(["--seccomp", "./rings.json"], "uring")
        #expect(outcome.output == "97 0 \(unfiltered[2])", "\(outcome)")
    }

    @Test func aChrootInsideDoesNotLeadOut() throws {
        try world.compile("escape")
        try world.write("outside", "secret\n")
        #expect(try world.run("escape \(world.folder)/outside").output.isEmpty)
        #expect(try world.run(Self.weak, "escape \(world.folder)/outside").output.isEmpty)
        let walk = "cd /; cd ../../..; cat .\(world.folder)/outside /proc/self/cwd\(world.folder)/outside"
        #expect(try world.run(walk).output.isEmpty)
        // It does lead out of a chroot(2) alone.
        #expect(try world.sh("unshare -Ur chroot root escape \(world.folder)/outside").output == "secret\n")
    }
}
