// Mounts that are to hold: read-only binds, masks, and names that look like something else.

import Foundation
import TestWorld
import Testing

struct MountTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    @Test func aReadOnlyBindStaysReadOnly() throws {
        try world.write("data/old", "old\n")
        let attack = """
            mount -o remount,rw,bind /data; mount -o remount,rw /data; mount --bind /data /mnt && mount -o remount,rw /mnt
            echo x >/data/new; echo x >>/data/old; rm /data/old; chmod 777 /data/old; ls /data
            """
        try world.sh("mkdir root/mnt")
        let before = try world.fingerprint("data")
        #expect(try world.run(["--bind", "./data:/data:ro"], attack).output == "old\n")
        #expect(try world.fingerprint("data") == before)
        // Who was given CAP_SYS_ADMIN inside may take the flag away again.
        #expect(try world.run(["--cap-add", "ALL", "--bind", "./data:/data:ro"], attack).output == "new\n")
    }

    @Test(arguments: ["umount /etc/secret", "umount -l /etc/secret", "mount --move /etc/secret /tmp", "rm /etc/secret"])
    func aMaskIsNotTakenOff(_ attack: String) throws {
        try world.write("root/etc/secret", "secret\n")
        let script = "\(attack); cat /etc/secret; mv /etc /other; cat /other/secret"
        #expect(try world.run(["--mask", "/etc/secret"], script).output.isEmpty)
        if attack.hasPrefix("umount") {
            #expect(try world.run(["--cap-add", "ALL", "--mask", "/etc/secret"], script).output.hasPrefix("secret\n"))
        }
        #expect(try world.run("cat /etc/secret").output == "secret\n")
    }

    @Test func aMaskOnNothingIsAnError() throws {
        let outcome = try world.run(["--mask", "/nowhere"], "true")
        #expect(outcome.status == 125 && outcome.errors.contains("can't hide /nowhere"), "\(outcome.errors)")
    }

    /// Whatever the order of the words, what lies below is mounted after what it lies in.
    @Test func whatIsAskedForBelowAnotherMountIsNotCovered() throws {
        try world.sh(
            "mkdir -p root/mnt tree/sub; echo secret >tree/sub/secret; mkdir -p other; echo other >other/other")
        let look = "ls /mnt/sub; echo x >/mnt/sub/new; ls /mnt/sub"
        let empty = ["--tmpfs", "/mnt/sub"], whole = ["--bind", "./tree:/mnt"]
        for options in [empty + whole, whole + empty] {
            #expect(try world.run(options, look).output == "new\n", "\(options)")
        }
        let readOnly = ["--bind", "./other:/mnt/sub:ro"]
        for options in [readOnly + whole, whole + readOnly] {
            #expect(try world.run(options, look).output == "other\nother\n", "\(options)")
        }
        // The current folder is a bind like any other.
        let here = try world.run(
            ["--bind", "./other:\(world.folder)/tree/sub:ro", "--here"], "ls tree/sub; echo x >tree/sub/n")
        #expect(here.output == "other\n", "\(here)")
        #expect(try world.sh("ls tree/sub other").output == "other:\nother\n\ntree/sub:\nsecret\n")
    }

    /// A mask is nothing of the host's, and nothing that is shared by two masks can be changed.
    @Test(arguments: ["/proc/keys", "/proc/interrupts", "/etc/secret", "/etc/closed", "/sys/firmware"])
    func aMaskIsTheSandboxsOwn(_ path: String) throws {
        try world.write("root/etc/secret", "secret\n")
        try world.write("root/etc/closed/secret", "secret\n")
        let options = ["--mask", "/etc/secret", "--mask", "/etc/closed"]
        let outcome = try world.run(
            options,
            """
            [ -e \(path) ] || exit 9
            chmod 606 \(path); chown 1 \(path); touch -d 2001-01-01 \(path); echo x >\(path); echo x >\(path)/new
            [ -c \(path) ] && echo device; [ -f \(path) ] && cat \(path) || ls -A \(path)
            [ "$(stat -c %d:%i /dev/null)" = "$(stat -c %d:%i \(path))" ] && echo shared; stat -c %a \(path)
            """)
        #expect(["644\n", "555\n"].contains(outcome.output), "\(outcome)")
    }

    @Test(arguments: ["null", "zero", "full", "random", "urandom", "tty"])
    func aDeviceIsUsedAndItsNodeStaysAsItIs(_ name: String) throws {
        let node = "/dev/" + name
        let show = "stat -c %a:%u:%g:%Y \(node)"
        let before = try world.sh(show).output
        let outcome = try world.run(
            """
            chmod 600 \(node) 2>&1 | grep -c 'Read-only file system'; touch -d 2001-01-01 \(node) 2>&1 | grep -c Read-only
            rm \(node) 2>/dev/null; mv \(node) /dev/other 2>/dev/null
            case \(name) in full) echo x 2>/dev/null >\(node) || echo used;; tty) echo used;;
              null) echo x >\(node) && echo used;; *) echo x >\(node) && head -c 3 \(node) | wc -c | grep -q 3 && echo used;; esac
            """)
        #expect(outcome.output == "1\n1\nused\n", "\(outcome)")
        #expect(try world.sh(show).output == before)
    }

    /// A folder with another mount below it: read-only, both are.
    @Test func aMountBelowAReadOnlyBindIsReadOnlyToo() throws {
        func written(_ command: String) throws -> String {
            try world.sh(
                """
                unshare -Urm sh -c 'mkdir -p tree/sub; mount -t tmpfs t tree/sub; \(command) 2>/dev/null; ls tree/sub tree'
                """
            ).output
        }
        let write =
            "echo x >/tree/new; echo x >/tree/sub/new; mount -o remount,rw /tree/sub; umount /tree/sub; "
            + "echo x >/tree/sub/new"
        let run = "\"$SANDBOX\" run --id-map single"
        #expect(try written("\(run) --bind ./tree:/tree:ro ./root sh -c \"\(write)\"") == "tree:\nsub\n\ntree/sub:\n")
        #expect(try written("\(run) --bind ./tree:/tree ./root sh -c \"\(write)\"").contains("new"))
        // mount(8) of old closes the topmost alone.
        let byHand = "mount --rbind tree tree; mount -o remount,ro,bind tree; echo x >tree/sub/new"
        #expect(try written(byHand).contains("tree/sub:\nnew\n"))
    }

    /// Names that would end an option, a field of mountinfo or a line.
    @Test(arguments: [
        "a\nb", "a\\040b", "a\\012b", "a b\tc", "a,upperdir=x", "a\\,b", "\"a'$(touch made)`touch made`",
        "a\n0 0 0 rw",
    ])
    func namesAreNamesAndNothingElse(_ name: String) throws {
        try world.sh("mkdir lower upper x")
        for folder in ["lower/" + name, "data/" + name] { try world.write(folder + "/file", folder) }
        let root = world.folder + "/" + name
        try FileManager.default.moveItem(atPath: world.root, toPath: root)
        let outcome = try world.sandbox([
            "run", "--layer", "./lower/" + name, "--upper", "./upper/" + name, "--bind",
            "./data/\(name):/mnt/\(name):ro",
            "--tmpfs", "/empty/" + name, "--mask", "/etc/passwd", "./" + name, "sh", "-c",
            "cat /file \"/mnt/$0/file\"; touch \"/empty/$0/x\" /new; wc -c </etc/passwd; wc -l </proc/self/mountinfo",
            name,
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.hasPrefix("lower/\(name)data/\(name)0\n"))
        #expect(try world.sh("ls x; ls -d made").output.isEmpty)
        // What `diff` and `start` read of it later.
        let upper = "upper/" + name
        #expect(FileManager.default.fileExists(atPath: world.folder + "/" + upper + "/new"))
        let diff = try world.sandbox(["diff", "./" + upper])
        #expect(diff.output.contains("A /new\n") && diff.status == 0, "\(diff)")
        // By hand, a name like this is an option of its own.
        if name.contains("upperdir") {
            _ = try world.sh(
                "mkdir w a; unshare -Urm sh -c \"mount -t overlay -o 'userxattr,workdir=w,lowerdir=\(name)' o x/.. && touch new\""
            )
            #expect(try world.sh("mount -t overlay; ls -d w/work").output == "w/work\n")
        }
    }
}
