// What images say of their own top: mode and owner of `/`, where `/etc` is, a working folder that is not there.

import Foundation
import LinuxSystem
import TestWorld
import Testing

@Suite(.enabled(if: Files.isAccessible("/usr/bin/python3", 1), "needs python3")) struct ImageRootTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRootArchive()
    }

    /// Runs an image of these layers over a busybox, in place.
    private func run(
        _ layers: [String], config: String = "{}", _ options: [String], _ script: String, name: String = "made"
    ) throws -> Outcome {
        let all = ([#"{"tar": "root.tar"}"#] + layers).joined(separator: ",")
        let description = #"{"tag": "t", "config": \#(config), "layers": [\#(all)]}"#
        if !Files.isAccessible(world.folder + "/" + name, 0) {
            _ = try LauncherTests.makeImage(world, description, name)
        }
        return try world.sandbox(["run", "--quiet"] + options + ["oci:\(name):t", "sh", "-c", script])
    }

    private func folder(_ path: String, _ mode: String, _ more: String = "") -> String {
        #"{"path": "\#(path)", "type": "folder", "mode": "\#(mode)"\#(more)}"#
    }

    @Test(arguments: ["single", "range"])
    func modeAndOwnerOfTheRootAreTheImages(_ mode: String) throws {
        let layers = [
            "[\(folder("/", "0711", #", "uid": 7, "gid": 8"#)), \(folder("etc", "0751"))]", layer("x", "x"),
        ]
        let owner = mode == "range" ? "7:8" : "0:0"
        #expect(try world.sh("umask 077; mkdir private && stat -c %a private").output == "700\n")
        _ = try run(layers, [], "true")
        // Whatever lies on top, and whatever the caller's mask is.
        for options in [
            [], ["--upper", "disk"], ["--read-only"], ["--read-only", "--layer", "./private"],
            ["--layer", "./private"],
            ["--name", "kept"],
        ] {
            let outcome = try world.sh(
                """
                umask 077; "$SANDBOX" run --id-map \(mode) \(options.joined(separator: " ")) oci:made:t \
                sh -c 'stat -c "%n %a %u:%g" / /etc; stat -c "%n %a" /etc/hosts'; "$SANDBOX" rm kept 2>/dev/null; true
                """)
            #expect(outcome.output == "/ 711 \(owner)\n/etc 751 0:0\n/etc/hosts 644\n", "\(options) \(outcome)")
        }
        // A folder that the user gives stays the user's.
        let upper = try run(
            layers, ["--id-map", mode, "--upper", "./private"], "stat -c %a:%u /; chmod 755 /; touch /x")
        #expect(upper.output == "711:0\n", "\(upper)")
        // What the sandbox made of it stays.
        #expect(try run(layers, ["--id-map", mode, "--upper", "./private"], "stat -c %a /").output == "755\n")
    }

    @Test func aFolderIsClosedToOthersOutsideOnly() throws {
        let outcome = try world.sh(
            """
            umask 077; mkdir up; chmod 700 root
            for o in "" "--read-only" "--upper ./up" "--upper disk"; do "$SANDBOX" run $o ./root stat -c %a / /etc; done
            chmod 711 root; "$SANDBOX" run ./root stat -c %a /
            for o in "" "--read-only" "--name kept" "--upper ./hostup"; do "$SANDBOX" run $o host stat -c %a / /etc /usr; done
            stat -c %a /etc /usr
            """)
        let lines = outcome.lines
        #expect(lines.count == 23 && outcome.errors.isEmpty, "\(outcome)")
        #expect(lines.prefix(9) == ["755", "755", "755", "755", "755", "755", "755", "755", "711"], "\(outcome)")
        for start in [9, 12, 15, 18] {
            #expect(Array(lines.dropFirst(start).prefix(3)) == ["755"] + lines.suffix(2), "\(outcome)")
        }
    }

    /// Where others could look into it, a folder stays as closed as its owner made it.
    @Test func anUpperInReachOfOthersStaysClosed() throws {
        let outcome = try world.sh(
            """
            chmod 711 . ; mkdir -m 700 up; "$SANDBOX" run --upper ./up ./root stat -c %a /; stat -c %a up
            "$SANDBOX" run --id-map range --user 1000 --upper ./up ./root true; echo $?; chmod 700 .
            """)
        #expect(outcome.output == "700\n700\n125\n", "\(outcome)")
        #expect(outcome.errors.contains("closed to others") && outcome.errors.contains("mkdir -m 700"))
    }

    @Test(arguments: [
        ("usr/etc", "/usr/etc"), ("/usr/etc", "/usr/etc"), ("./usr/../usr/etc", "/usr/etc"), ("/nowhere", "/etc"),
    ])
    func generatedFilesGoWhereALinkLeads(_ target: String, _ place: String) throws {
        let layers = [
            #"[{"path": "etc", "type": "whiteout"}]"#,
            """
            [{"path": "etc", "type": "link", "target": "\(target)"}, \(folder("usr", "0755")), \(folder("usr/etc", "0750")),
             {"path": "usr/etc/own", "content": "own"}, \(folder("usr/apt", "0711")),
             {"path": "usr/etc/apt", "type": "link", "target": "/usr/apt"}]
            """,
        ]
        let outcome = try run(
            layers, ["--id-map", "single", "--hostname", "it"],
            """
            cat \(place)/hostname; cat /etc/hosts >/dev/null && readlink /etc/mtab; cat /usr/etc/own; echo
            stat -c %a /usr/etc; readlink -f /etc; find /usr/ /etc/ -name 00sandbox | sort | tail -n 1
            """, name: "made-\(place.count)-\(target.count)")
        let apt = place == "/etc" ? "/etc/apt/apt.conf.d/00sandbox" : "/usr/apt/apt.conf.d/00sandbox"
        #expect(outcome.output == "it\n/proc/mounts\nown\n750\n\(place)\n\(apt)\n", "\(outcome)")
    }

    @Test func everyRootHasItsTableOfMounts() throws {
        for root in ["./root", "host"] {
            #expect(try world.sandbox(["run", root, "grep", "-c", " /proc ", "/etc/mtab"]).output == "1\n", "\(root)")
        }
        try world.write("root/etc/mtab", "own\n")
        #expect(try world.run("cat /etc/mtab").output == "own\n")
    }

    @Test(arguments: ["/srv/a/b", "/var/run/app", "/tmp/x"])
    func anImagesWorkingFolderIsMade(_ path: String) throws {
        let layers = [
            #"[{"path": "var", "type": "folder"}, {"path": "var/run", "type": "link", "target": "/run"}]"#,
            #"[{"path": "run", "type": "folder"}]"#,
        ]
        let config = #"{"WorkingDir": "\#(path)", "User": "1000:"}"#
        let name = "made-\(path.count)"
        let outcome = try run(
            layers, config: config, ["--upper", "./up"], "/bin/pwd; id -u; stat -c '%a %u' .", name: name)
        #expect(outcome.output == "\(path == "/var/run/app" ? "/run/app" : path)\n1000\n755 0\n", "\(outcome)")
        // What nobody wrote is no change; below a link it has to be.
        let changes = try world.sandbox(["diff", "./up"]).output
        #expect(changes == (path == "/var/run/app" ? "A /run/app\n" : ""), "\(changes)")
        let missing = try run(layers, ["--workdir", "/none"], "true", name: name)
        #expect(missing.status == 125 && missing.errors.contains("/none"))
    }

    @Test func aLayerMayComeTwice() throws {
        let outcome = try run(
            [layer("x", "1"), layer("y", "2"), layer("x", "1"), #"{"entries": []}"#, #"{"entries": []}"#], [],
            "cat /x /y")
        #expect(outcome.output == "12", "\(outcome)")
        #expect(try world.sandbox(["run", "--layer", "./root", "./root", "true"]).status == 0)
    }

    /// The message offers what then works.
    @Test func ownersBeyondTheRangeAreLeftOut() throws {
        let layers = [#"[{"path": "x", "content": "x", "uid": 3000000000}]"#]
        let refused = try run(layers, ["--id-map", "range"], "true")
        #expect(refused.status == 125 && refused.errors.contains("--id-map single"), "\(refused)")
        #expect(try run(layers, ["--id-map", "single"], "cat /x").output == "x")
        for words in [["load", "-q", "-i", "made"], ["import", "tar"]] {
            _ = try world.sh("tar --owner=3000000000 -cf tar root/etc")
            let all = words + ["name:1"]
            #expect(try world.sandbox(all).status == 125)
            let taken = try world.sandbox([all[0], "--id-map", "single"] + all.dropFirst())
            #expect(taken.status == 0, "\(taken)")
        }
    }

    @Test func aLayoutHasItsPlatforms() throws {
        func image(_ platform: String) -> String {
            #"{"platform": "\#(platform)", "layers": [{"tar": "root.tar"}, \#(layer("who", platform))]}"#
        }
        let all = ["linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm64", "linux/amd64/v3", "linux/amd64"]
        _ = try LauncherTests.makeImage(
            world, #"{"tag": "registry.example/it:3.20", "images": [\#(all.map(image).joined(separator: ","))]}"#,
            "made")
        for (wanted, got) in [
            ("linux/arm", "linux/arm/v7"), ("linux/arm/v6", "linux/arm/v6"), ("linux/arm/v8", "linux/arm/v7"),
            ("linux/arm64/v8", "linux/arm64"), ("", "linux/amd64"),
        ] {
            // By its short tag, too. The programs are this machine's.
            let options = wanted.isEmpty ? [] : ["--platform", wanted]
            let outcome = try world.sandbox(["run", "--quiet"] + options + ["oci:made:3.20", "cat", "/who"])
            #expect(outcome.output == got, "\(wanted): \(outcome)")
        }
        let none = try world.sandbox(["run", "--platform", "linux/s390x", "oci:made", "true"])
        #expect(none.status == 125 && none.errors.contains("linux/s390x"), "\(none)")
    }
}
