// The launcher's own program file, as /proc/self/exe shows it inside.

import Foundation
import TestWorld
import Testing

struct LauncherFileTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    /// The kernel runs the launcher itself for `#!/proc/self/exe`; its file must not be writable from inside.
    @Test(arguments: [
        "chmod 4777 /proc/$PPID/exe", "echo x >>/proc/$PPID/exe", "exec 9<>/proc/$PPID/exe", "rm /proc/$PPID/exe",
        "exec 9</proc/$PPID/exe; chmod 4777 /proc/self/fd/9; echo x >>/proc/self/fd/9",
    ])
    func theLaunchersFileIsNotWrittenFromInside(_ attack: String) throws {
        let prefix = world.folder + "/prefix"
        let profiles = URL(fileURLWithPath: #filePath + "/../../../profiles").standardized.path
        try world.sh(
            """
            mkdir -p prefix/bin prefix/libexec/sandbox prefix/share/sandbox root\(prefix)/libexec/sandbox root/proc/self
            cp '\(World.binary)' prefix/bin/sandbox; cp '\(World.manage)' prefix/libexec/sandbox/sandbox-manage
            cp -r '\(profiles)' prefix/share/sandbox
            """)
        let manage = "root\(prefix)/libexec/sandbox/sandbox-manage"
        let script = "#!/bin/sh\n\(attack)\ntouch /reached\n"
        try world.write(manage, script)
        // Where a sealed copy looks for its other half inside.
        try world.write("root/usr/sandbox-manage", script)
        try world.write("root/pwn", "#!/proc/self/exe run\n")
        try world.write("attack", script.replacingOccurrences(of: "/reached", with: "reached"))
        try world.sh("chmod 755 \(manage) root/usr/sandbox-manage root/pwn attack; cp /bin/busybox prefix/bin/busybox")
        let state = "stat -c '%n %a %s' prefix/bin/*; sha256sum prefix/bin/*"
        let before = try world.sh(state).output
        #expect(try world.sh("prefix/bin/sandbox run ./root true").status == 0)
        _ = try world.sh("prefix/bin/sandbox run ./root /pwn")
        #expect(try world.sh(state).output == before)
        // A program of the user's own that starts the same script outside.
        _ = try world.sh("prefix/bin/busybox sh -c './attack; true'")
        if attack.contains("chmod") { #expect(try world.sh(state).output != before) }
    }
}
