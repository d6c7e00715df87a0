// The time limit, in all that comes before the command: it counts from the start, and leaves nothing that runs on.

import Foundation
import TestWorld
import Testing

@Suite(.serialized, .waiting)
struct TimeLimitTests {
    let world: World
    let mark = "late\(Int.random(in: 1_000_000...9_999_999))"

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.write("root/etc/os-release", "ID=plain\n")
    }

    private func isGone() -> Bool {
        for _ in 0..<100 where !processes(with: mark).isEmpty { usleep(20_000) }
        return processes(with: mark).isEmpty
    }

    /// Runs a script that ends by the limit, and looks at what is left of it.
    private func expectLimit(_ script: String) throws {
        let begun = Date()
        let outcome = try world.sh("exec timeout -s KILL 25 bash -c \"$SCRIPT\"", environment: ["SCRIPT": script])
        let seconds = Date().timeIntervalSince(begun)
        #expect(outcome.status == 124 && outcome.errors.contains("time limit"), "\(script): \(outcome)")
        #expect(seconds > 1.9 && seconds < 12, "\(script) took \(seconds) s")
        #expect(isGone(), "\(script) left \(processes(with: mark))")
    }

    /// A registry that takes connections and says nothing, or a byte now and then.
    @Test(arguments: ["sleep", "drip"]) func endsAPull(_ manner: String) throws {
        let server = try world.start(
            "/usr/bin/python3",
            [
                "-c",
                """
                import socket, sys, threading, time
                s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], "here", flush=True)
                def serve(c):
                    try:
                        c.recv(9999)
                        if sys.argv[1] == "drip": c.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 99999\\r\\n\\r\\n")
                        while True:
                            time.sleep(0.2)
                            if sys.argv[1] == "drip": c.send(b" ")
                    except OSError: pass
                while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
                """, manner,
            ])
        defer {
            server.signal(9)
            _ = try? server.finish()
        }
        try server.waitForOutput("here")
        let port = try #require(server.outputSoFar.split(separator: " ").first)
        try expectLimit("$SANDBOX run --timeout 2 127.0.0.1:\(port)/\(mark) true")
    }

    /// What a set-up command has started ends with it, in a sandbox of its own.
    @Test(arguments: ["", "nohup setsid "]) func endsASetup(_ manner: String) throws {
        let commands = "trap '' TERM; \(manner)sh -c 'sleep 99; : \(mark)' & sleep 98; : \(mark)"
        try world.write("p.toml", "[setup]\nplain = \"\(commands)\"\n")
        try expectLimit("$SANDBOX run --timeout 2 --profile ./p.toml ./root true")
        #expect(try world.sh("ls -A home/.local/share/sandbox/setup | grep -v '^[.]'").output == "")
        // Nothing of it is taken for made.
        try world.write("p.toml", "[setup]\nplain = \"echo made >/made\"\n")
        #expect(try world.sandbox(["run", "--profile", "./p.toml", "./root", "cat", "/made"]).output == "made\n")
    }

    @Test func countsASetup() throws {
        try world.write("p.toml", "[setup]\nplain = \"sleep 1; echo made >/made\"\n")
        try expectLimit("$SANDBOX run --timeout 2 --profile ./p.toml ./root sh -c 'cat /made; sleep 98; : \(mark)'")
    }

    @Test func endsUnpacking() throws {
        // Gigabytes of nothing, which take seconds to lay out.
        try world.write(
            "bomb.py",
            """
            import gzip, sys, tarfile
            info = tarfile.TarInfo("zeros"); info.size = 60 << 30
            zeros = gzip.compress(bytes(64 << 20), 1)
            with open(sys.argv[1], "wb") as out:
                out.write(gzip.compress(info.tobuf(tarfile.GNU_FORMAT)))
                for _ in range(960): out.write(zeros)
            """)
        #expect(try world.sh("python3 bomb.py \(mark).tar.gz").status == 0)
        try expectLimit("$SANDBOX run --timeout 2 --layer ./\(mark).tar.gz ./root true")
        let next = try world.sandbox(["prune"])
        #expect(next.status == 0)
        #expect(try world.sh("find home/.local/share/sandbox -name '.tmp-*'").output == "")
    }

    @Test func endsAWaitForAPipe() throws {
        try expectLimit("$SANDBOX run --timeout 2 --env-file <(exec sleep 9) ./root true")
    }

    /// Another process of the user's, stopped while it makes a layer.
    @Test func endsAWaitForALock() throws {
        try world.sh("tar -C root --owner=0 --group=0 -cf root.tar .; $SANDBOX import root.tar x")
        let holder = try world.start(
            "/usr/bin/python3",
            [
                "-c",
                """
                import fcntl, os, struct, time
                f = os.open("home/.local/share/sandbox/lock", os.O_RDWR)
                fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)); print("held", flush=True)
                time.sleep(60)
                """,
            ])
        defer {
            holder.signal(9)
            _ = try? holder.finish()
        }
        try holder.waitForOutput("held")
        try expectLimit("$SANDBOX run --timeout 2 x true")
    }
}
