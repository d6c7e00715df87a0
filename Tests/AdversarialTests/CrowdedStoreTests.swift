// Set-up layers while others tidy up, archives of many names, images without end, and trees without a floor.

import Foundation
import LinuxSystem
import TestWorld
import Testing

@Suite(.serialized, .waiting)
struct CrowdedStoreTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.write("root/etc/os-release", "ID=plain\n")
    }

    private var data: String { "home/.local/share/sandbox" }

    /// `prune --all` takes nothing from a set-up under way, and those who need it at once get one and the same.
    @Test func aSetupIsNobodysGarbage() throws {
        try world.write(
            "p.toml",
            "[setup]\nplain = \"echo begun >/made; until grep -q go /made; do sleep 0.1; done; date +%N >>/made\"\n")
        let words = ["run", "--profile", "./p.toml", "./root", "cat", "/made"]
        let first = try world.start(World.binary, words)
        for _ in 0..<200 where try world.sh("find \(data)/setup -name made | grep .").status != 0 { usleep(20_000) }
        let second = try world.start(World.binary, words)
        // Before its end: what is made and not used is garbage.
        for _ in 0..<5 { #expect(try world.sandbox(["prune", "--all"]).status == 0) }
        try world.sh("for file in $(find \(data)/setup -name made); do echo go >>$file; done")
        let outcomes = [try first.finish(), try second.finish()]
        for outcome in outcomes {
            #expect(
                outcome.status == 0 && outcome.lines.starts(with: ["begun", "go"]) && outcome.lines.count == 3,
                "\(outcome)")
        }
        #expect(outcomes[0].output == outcomes[1].output)
        #expect(outcomes.filter { $0.errors.contains("setting up") }.count == 1)
        #expect(try world.sh("ls -A \(data)/setup | wc -l").output == "1\n")
    }

    /// A set-up that is killed leaves no mark, and what is left of it goes.
    @Test func aKilledSetupIsMadeAnew() throws {
        try world.write("p.toml", "[setup]\nplain = \"echo begun >/made; sleep 30\"\n")
        let first = try world.start(World.binary, ["run", "--profile", "./p.toml", "./root", "cat", "/made"])
        for _ in 0..<200 where try world.sh("find \(data)/setup -name made | grep .").status != 0 { usleep(20_000) }
        // The manager that makes it, and with it the lock.
        for process in processes(with: world.folder + "/" + data + "/setup") {
            LinuxSystem.Process.kill(process, SIGKILL)
        }
        #expect(try first.finish().status == 125)
        try world.write("p.toml", "[setup]\nplain = \"echo whole >/made\"\n")
        let next = try world.sandbox(["run", "--profile", "./p.toml", "./root", "cat", "/made"])
        #expect(next.output == "whole\n", "\(next)")
        #expect(try world.sandbox(["prune", "--all"]).status == 0)
        #expect(try world.sh("ls -A \(data)/setup").output == "")
    }

    /// A layer with so many names, or so many images, as a script makes them.
    private func makeArchive(images: Int, names: Int) throws {
        try world.sh("tar -C root --owner=0 --group=0 -cf layer.tar etc")
        let script = """
            import hashlib, io, json, sys, tarfile
            images, names = int(sys.argv[1]), int(sys.argv[2])
            layer = open("layer.tar", "rb").read()
            config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers",
                "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
            items = [{"Config": "c.json", "Layers": ["l.tar"],
                "RepoTags": ["many/x%d:t%d" % (i, n) for n in range(names)]} for i in range(images)]
            with tarfile.open("many.tar", "w") as t:
                for name, data in [("manifest.json", json.dumps(items).encode()), ("c.json", config), ("l.tar", layer)]:
                    info = tarfile.TarInfo(name); info.size = len(data); t.addfile(info, io.BytesIO(data))
            """
        try world.write("make.py", script)
        let outcome = try world.sh("python3 make.py \(images) \(names)")
        #expect(outcome.status == 0, "\(outcome)")
    }

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let begun = Date()
        try body()
        return Date().timeIntervalSince(begun)
    }

    @Test func aHundredTimesTheNamesTakeNoThousandTimes() throws {
        let bound = ["-s", "KILL", "60", World.binary, "load", "-q", "-i", "many.tar"]
        var times: [Double] = []
        for names in [2_000, 16_000] {
            try makeArchive(images: 1, names: names)
            times.append(
                try seconds {
                    let outcome = try world.start("/usr/bin/timeout", bound).finish()
                    #expect(outcome.status == 0 && outcome.lines.count == names, "\(outcome.errors)")
                })
        }
        // Eight times as many: squared it would be sixty-four times.
        #expect(times[1] < times[0] * 24 + 1, "\(times)")
        #expect(try world.run(["--pull", "never"], "true").status == 0)
    }

    @Test func manyImagesOfOneArchive() throws {
        try makeArchive(images: 300, names: 1)
        let time = try seconds {
            let outcome = try world.sandbox(["load", "-q", "-i", "many.tar"])
            #expect(outcome.status == 0 && outcome.lines.count == 300, "\(outcome.errors)")
        }
        #expect(time < 20)
        try makeArchive(images: 1001, names: 1)
        let outcome = try world.sandbox(["load", "-q", "-i", "many.tar"])
        #expect(outcome.status == 125 && outcome.errors.contains("more than 1000 images"), "\(outcome)")
    }

    /// All pipes of a user have a total (pipe(7)): a command that holds them keeps no archive from being read.
    @Test func pipesThatAreUsedUpHoldNothingUp() throws {
        try makeArchive(images: 1, names: 1)
        try world.write(
            "hold.py",
            """
            import fcntl, os, resource, subprocess, sys
            resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
            held = []
            try:
                while len(held) < 400:
                    held.append(os.pipe())
                    fcntl.fcntl(held[-1][1], 1031, 1 << 20)  # F_SETPIPE_SZ
            except PermissionError: print("used up", flush=True)
            sys.exit(subprocess.run(sys.argv[1:]).returncode)
            """)
        let outcome = try world.sh("python3 hold.py \"$SANDBOX\" load -q -i many.tar")
        #expect(outcome.status == 0 && outcome.lines.first == "used up" && outcome.lines.count == 2, "\(outcome)")
    }

    /// The total counts all layers, and what is refused leaves nothing.
    @Test func anImageStopsAtItsTotal() throws {
        try world.sh("head -c 30000000 /dev/zero >root/zeros; tar -C root --owner=0 --group=0 -cf root.tar .")
        let refused = try world.sandbox(["import", "--max-image-size", "20m", "root.tar", "x"])
        #expect(refused.status == 125 && refused.errors.contains("--max-image-size"), "\(refused)")
        #expect(try world.sh("find \(data)/blobs \(data)/layers \(data)/images -mindepth 1").output == "")
        #expect(try world.sandbox(["import", "--max-image-size", "1g", "root.tar", "x"]).status == 0)
        try world.sh("$SANDBOX save x | gzip >x.tar.gz; $SANDBOX rmi x")
        for words in [
            ["load", "-q", "--max-image-size", "20m", "-i", "x.tar.gz"],
            ["run", "--max-image-size", "20m", "oci-archive:x.tar.gz", "true"],
            ["run", "--max-image-size", "20m", "--layer", "./root.tar", "./root", "true"],
        ] {
            let outcome = try world.sandbox(words)
            #expect(outcome.status == 125 && outcome.errors.contains("--max-image-size"), "\(words): \(outcome)")
            #expect(
                try world.sh("find \(data)/blobs \(data)/layers \(data)/images \(data)/setup -mindepth 1").output == "")
        }
        for bad in ["0", "-1", "x", "99999999999g"] {
            #expect(try world.sandbox(["run", "--max-image-size", bad, "./root", "true"]).status == 125)
        }
    }

    /// Of the disk some stays free, whatever comes.
    @Test func someOfTheDiskStaysFree() throws {
        try world.sh("head -c 40000000 /dev/urandom >root/much; tar -C root --owner=0 --group=0 -cf root.tar .")
        let outcome = try world.sh(
            """
            exec unshare -Urm bash -c 'mkdir small; mount -t tmpfs -o size=128m small small; export XDG_DATA_HOME=$PWD/small
            SANDBOX_KEEP_FREE_BYTES=100000000 $SANDBOX import root.tar x; echo $?
            find small -name ".tmp-*" -o -path "*/images/?*" -o -path "*/blobs/?*"
            $SANDBOX import root.tar x; echo $?'
            """)
        #expect(outcome.lines == ["125", "0"], "\(outcome)")
        #expect(outcome.errors.contains("no space left for") && outcome.errors.contains("are kept so"), "\(outcome)")
    }

    /// As a sandbox nests them: each folder made from within the one above.
    private func nest(_ folder: String, depth: Int) throws {
        let script = """
            import os, sys
            os.makedirs(sys.argv[1], exist_ok=True); os.chdir(sys.argv[1])
            for i in range(int(sys.argv[2])):
                os.mkdir("d"); os.chdir("d")
                if i % 1000 == 0: open("f", "w").write("x")
            """
        try world.write("nest.py", script)
        let outcome = try world.sh("python3 nest.py \(folder) \(depth)")
        #expect(outcome.status == 0, "\(outcome)")
    }

    @Test func aTreeWithoutAFloorIsListedShownAndRemoved() throws {
        #expect(try world.sandbox(["run", "--name", "deep", "./root", "true"]).status == 0)
        let upper = "\(data)/sandboxes/deep/upper"
        try nest(upper, depth: 10_000)
        let time = try seconds {
            let listed = try world.start("/usr/bin/timeout", ["-s", "KILL", "40", World.binary, "list"]).finish()
            #expect(listed.status == 0 && listed.output.contains("deep"), "\(listed)")
        }
        #expect(time < 20, "\(time)")
        let json = try world.sandbox(["list", "--format", "json"])
        #expect(json.output.contains("\"size\" : 10"), "\(json)")
        for options in [[], ["--tree"], ["--format", "json"]] {
            let shown = try world.sandbox(["diff", "deep"] + options)
            #expect(shown.status == 1 && shown.errors.contains("4094 bytes"), "\(shown.status) \(shown.errors)")
            #expect(shown.output.utf8.count < 40 << 20, "\(options): \(shown.output.utf8.count)")
        }
        let exported = try world.sandbox(["export", "deep", "-o", "deep.tar"])
        #expect(exported.status == 125 && exported.errors.contains("at most 4095 bytes"), "\(exported)")
        #expect(try world.sh("ls deep.tar").status != 0)
        #expect(try world.sandbox(["df"]).status == 0)
        #expect(try world.sandbox(["rm", "deep"]).status == 0)
        #expect(try world.sh("ls -A \(data)/sandboxes").output == "")
    }
}
