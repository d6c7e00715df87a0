// Set-user-id files: of the image, of the host, and made inside.

import TestWorld
import Testing

struct SetIdTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.compile("identity")
    }

    @Test func aSetIdFileOfTheImageGivesNothing() throws {
        try world.sh("unshare --map-auto --map-root-user chown 1000:1000 root/bin/identity; chmod 4755 identity")
        try world.sh("unshare --map-auto --map-root-user chmod 4755 root/bin/identity; cp -p identity root/bin/of-root")
        #expect(try world.run("identity").output == "0 0 0\n")
        #expect(try world.run(["--user", "1000"], "of-root").output == "1000 1000 0\n")
        let options = ["--cap-add", "ALL", "--seccomp", "none"]
        #expect(try world.run(options + ["--user", "1000"], "of-root").output == "1000 1000 0\n")
        // In namespaces alone it gives its owner's rights, where the file system it lies on does not refuse that.
        if try !world.sh("findmnt -no OPTIONS -T .").output.contains("nosuid") {
            let outside = try world.sh("unshare --map-auto --map-root-user ./root/bin/identity")
            #expect(outside.output == "0 1000 1\n", "\(outside)")
        }
    }

    @Test func oneThatIsMadeInsideGivesNothing() throws {
        let make = "for at in / /tmp /dev/shm; do cp /bin/identity $at/me; chmod 4755 $at/me; done; "
        let outcome = try world.run(make + "chown 1000 /me; chmod 4755 /me; /me; su user -c '/tmp/me; /me'")
        #expect(outcome.lines == ["0 0 0", "1000 1000 0", "1000 1000 0"], "\(outcome)")
    }

    /// The loader tells of itself only where the kernel has given a program no rights (LD_SHOW_AUXV in ld.so(8)).
    @Test(arguments: ["su", "newuidmap"])
    func aSetIdFileOfTheHostGivesNothing(_ program: String) throws {
        func show(_ folder: String) -> String {
            "LD_SHOW_AUXV=1 \(folder)/\(program) --version 2>/dev/null | grep -c '^AT_SECURE:  *0'"
        }
        #expect(try world.sandbox(["run", "host", "sh", "-c", show("/usr/bin")]).output == "1\n")
        let bound = try world.sandbox(["run", "--bind", "/usr/bin:/mnt:ro", "host", "sh", "-c", show("/mnt")])
        #expect(bound.output == "1\n")
        #expect(try world.sh(show("/usr/bin")).output == "0\n")
    }
}
