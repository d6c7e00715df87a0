// Whom the program believes: whoever else has a hand in a file, or in the way to it, is a stranger.

import Foundation
import TestWorld
import Testing

@testable import LinuxSystem

struct OwnershipTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    /// Gives the folder or link `way`, which lies above `way/place`, into somebody else's hand.
    static let strangers = [
        "chmod 777 way", "chmod 770 way; unshare --map-auto --map-root-user chgrp 1000 way",
        "chmod 755 way; unshare --map-auto --map-root-user chown 1000:1000 way",
        "mv way real; mkdir -m 1777 open; ln -s ../real open/way; chmod 777 real; ln -s open/way way",
        "mv way real; mkdir -m 1777 open; ln -s ../real open/way; ln -s open/way way; "
            + "unshare --map-auto --map-root-user chown -h 1000:1000 open/way",
        "chmod 770 way; setfacl -m u:1000:rwx way",
    ]

    @Test(arguments: strangers, ["XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"])
    func aFolderAboveThatIsSomebodyElsesIsNotBelieved(_ stranger: String, _ variable: String) throws {
        try world.sh("mkdir -m 700 -p way/place")
        let environment = [variable: world.folder + "/way/place"]
        let run = ["run", "./root", "echo", "ran"]
        #expect(try world.sandbox(run, environment: environment).output == "ran\n")
        let changed = try world.sh(stranger)
        if stranger.contains("setfacl"), changed.status != 0 { return }
        #expect(changed.status == 0, "\(changed.errors)")
        for command in [run, ["profile", "list"]] {
            let outcome = try world.sandbox(command, environment: environment)
            #expect(
                outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(command) \(outcome)")
            #expect(outcome.errors.contains("is believed") && outcome.errors.contains("by way of"), "\(outcome.errors)")
        }
    }

    /// Others may write into a folder with the sticky bit, but not replace there what is somebody's own.
    @Test(arguments: ["mkdir -m 1777 way", "mkdir -m 770 way", "mkdir -m 700 real; ln -s real way"])
    func whatNobodyElseCanReplaceIsBelieved(_ way: String) throws {
        try world.sh(way + "; mkdir -m 700 way/place")
        for variable in ["XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"] {
            let outcome = try world.sandbox(
                ["run", "./root", "echo", "ran"], environment: [variable: world.folder + "/way/place"])
            #expect(outcome.output == "ran\n", "\(variable) \(outcome.errors)")
        }
    }

    /// `passwd` and `group` as one file each; the start is by id 0 of a user namespace, whose group is 0.
    @Test(arguments: [
        ("root:x:0:0::/:", "root:x:0:", true), ("root:x:0:0::/:\nmate:x:7:0::/:", "root:x:0:", false),
        ("root:x:0:0::/:\nmate:x:7:7::/:", "root:x:0:mate", false), ("root:x:0:0::/:", "root:x:0:root", true),
        ("mate:x:7:7::/:", "root:x:0:", false), ("root:x:0:0::/:\n+::::::", "root:x:0:", false),
    ])
    func aGroupThatAnotherAccountHasIsNotNobodyElse(_ passwd: String, _ group: String, _ good: Bool) throws {
        try world.write("passwd", passwd + "\n")
        try world.write("group", group + "\n")
        let start = """
            mkdir -p -m 770 way/place; chmod 770 way
            unshare --map-root-user --mount bash -c '
              mount --bind passwd /etc/passwd; mount --bind group /etc/group
              XDG_CONFIG_HOME=$PWD/way/place "$SANDBOX" profile list'
            """
        let outcome = try world.sh(start)
        #expect((outcome.status == 0) == good, "\(outcome)")
        #expect(good || outcome.errors.contains("can be written by group 0"), "\(outcome.errors)")
        #expect(GroupAccounts.isPrivate(0, 0, passwd: passwd, groups: group) == good)
    }

    /// A record that says "trusted" counts only where the user has written it.
    @Test(arguments: [
        "chmod 666 $F", "chmod 644 $F; unshare --map-auto --map-root-user chown 1000:1000 $F",
        "chmod 664 $F; unshare --map-auto --map-root-user chgrp 1000 $F", "mv $F aside; ln -s $PWD/aside $F",
    ])
    func aTrustRecordThatAnotherUserCouldWriteIsNotBelieved(_ stranger: String) throws {
        try world.write(".sandbox/profiles/mine.toml", "network = \"host\"\n")
        #expect(try world.sandbox(["profile", "trust", "mine"]).status == 0)
        #expect(try world.run(["--profile", "mine"], "echo ran").output == "ran\n")
        let changed = try world.sh("for F in home/.config/sandbox/trust/*; do \(stranger); done")
        #expect(changed.status == 0, "\(changed.errors)")
        let outcome = try world.run(["--profile", "mine"], "echo ran")
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(outcome.errors.contains("sandbox profile trust"), "\(outcome.errors)")
    }

    /// The user's own profile, in a folder where others may put another in its place.
    @Test(arguments: ["chmod 777 way", "chmod 755 way; unshare --map-auto --map-root-user chown 1000:1000 way"])
    func aProfileInAFolderOfOthersIsNotBelieved(_ stranger: String) throws {
        try world.write("way/mine.toml", "network = \"host\"\n")
        #expect(try world.run(["--profile", "./way/mine.toml"], "echo ran").output == "ran\n")
        // Changed, or what was read of it before would do.
        #expect(try world.sh("echo >>way/mine.toml; " + stranger).status == 0)
        let outcome = try world.run(["--profile", "./way/mine.toml"], "echo ran")
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(outcome.errors.contains("is refused"), "\(outcome.errors)")
    }
}
