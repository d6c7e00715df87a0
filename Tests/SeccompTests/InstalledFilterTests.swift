// The compiled filter, installed in a real process.

import Foundation
import LinuxSystem
import SandboxPolicy
import Seccomp
import Testing

struct InstalledFilterTests {
    /// Loads the file it is given, makes calls, and prints what each answered: the errno, 0 for none.
    static let script = """
        import ctypes, os, struct, sys
        libc = ctypes.CDLL(None, use_errno=True)
        program = open(sys.argv[1], "rb").read()
        code = ctypes.create_string_buffer(program)
        head = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code)))
        def call(*words):
            ctypes.set_errno(0)
            longs = [ctypes.c_long(word) for word in words]
            return 0 if libc.syscall(*longs) >= 0 else ctypes.get_errno()
        assert libc.prctl(38, 1, 0, 0, 0) == 0
        assert libc.prctl(22, 2, ctypes.byref(head), 0, 0) == 0
        TIOCSTI = 0x5412
        results = {
            "getpid": call(39), "unshare": call(272, 0x10000000), "setuid": call(105, 12345), "unknown": call(999),
            "x32": call(0x40000000 | 39), "clone3": call(435, 0, 0), "vsock": call(41, 40, 1, 0),
            "unix": call(41, 1, 1, 0), "TIOCSTI": call(16, 0, TIOCSTI | 1 << 40, 0), "uid": os.getuid(),
            "child": os.waitstatus_to_exitcode(os.system("exit 7")),
        }
        print(" ".join(f"{name}={value}" for name, value in results.items()))
        """

    @Test(.enabled(if: Architecture.native == .x86_64, "the numbers are x86_64's"))
    func answersInARealProcess() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("filter-\(UUID().uuidString)").path
        try Files.makeDirectories(folder)
        defer { do { try FileManager.default.removeItem(atPath: folder) } catch { Issue.record(error) } }
        try Files.replace(folder + "/program", with: try defaultProgram(for: target(emulateRoot: true)).bytes)

        let python = Foundation.Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        python.arguments = ["python3", "-c", Self.script, folder + "/program"]
        python.standardInput = FileHandle.nullDevice
        let output = Foundation.Pipe()
        python.standardOutput = output
        try python.run()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        python.waitUntilExit()
        #expect(python.terminationStatus == 0)
        #expect(
            said == "getpid=0 unshare=1 setuid=0 unknown=38 x32=1 clone3=38 vsock=97 unix=0 TIOCSTI=1 "
                + "uid=\(LinuxSystem.Process.realUser) child=7\n")
    }
}
