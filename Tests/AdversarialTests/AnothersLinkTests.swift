// Links and files of another user's in the way of what a command line names. In a user namespace the test is two users: id 0
// and a subordinate one.

import Foundation
import TestWorld
import Testing

struct AnothersLinkTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.write("own/secret", "secret\n")
        try world.write("home/x", "")
        try world.sh(
            "tar -C own -cf own.tar .; mkdir shared; ln -s ../own shared/data; ln -s ../own/secret shared/out.tar")
    }

    /// Runs a script as id 0 of a namespace in which `shared` and what is in it belong to another.
    private func besideAnother(_ script: String) throws -> Outcome {
        let all = """
            chmod 755 . home; chown -hR 7:7 shared
            export SANDBOX; \(script); chown -hR 0:0 shared
            """
        try world.write("script", all)
        return try world.sh("\(Self.enter) bash script")
    }

    /// A namespace with a range of ids, by the program that maps them.
    private static let enter = """
        enter() {
          mkfifo go; unshare -U bash -c 'read -r <go; exec setpriv --reuid 0 --regid 0 --clear-groups "$@"' enter "$@" & child=$!
          sub() { sed -n "s/^$(id -un):\\([0-9]*\\):.*/\\1/p" "/etc/sub$1" | head -n 1; }
          while [ "$(readlink /proc/$child/ns/user)" = "$(readlink /proc/self/ns/user)" ]; do sleep 0.02; done
          newuidmap $child 0 $(id -u) 1 1 $(sub uid) 65536 && newgidmap $child 0 $(id -g) 1 1 $(sub gid) 65536
          echo >go; wait $child
        }
        enter
        """

    @Test(arguments: [
        "run --id-map single --bind ./shared/data:/data ./root cat /data/secret",
        "run --id-map single --layer ./shared/data ./root cat /secret",
        "run --id-map single ./shared/data /secret",
        "run --id-map single --env-file ./shared/out.tar ./root true",
        "export -o ./shared/out.tar some:1", "save -o ./shared/out.tar some:1", "import ./shared/out.tar other:1",
    ])
    func aLinkOfAnotherUsersIsNotFollowed(_ words: String) throws {
        let outcome = try besideAnother(
            "\"$SANDBOX\" import own.tar some:1; \"$SANDBOX\" \(words); echo \"status $?\"; cat own/secret")
        #expect(outcome.output.hasSuffix("status 125\nsecret\n") || outcome.output.hasSuffix("status 1\nsecret\n"))
        #expect(outcome.errors.contains("another user"), "\(outcome)")
    }

    @Test func aFilterThatAnotherCouldWriteIsNotBelieved() throws {
        try world.write("shared/f.json", #"{"defaultAction": "SCMP_ACT_ALLOW"}"#)
        let outcome = try besideAnother(
            "\"$SANDBOX\" run --id-map single --seccomp ./shared/f.json ./root true; echo \"status $?\"")
        #expect(outcome.output == "status 125\n" && outcome.errors.contains("could open the filter"), "\(outcome)")
    }

    @Test func aVariableIsNotHandedOnByAnothersFile() throws {
        try world.write("shared/env", "HOME\n")
        let outcome = try besideAnother(
            "\"$SANDBOX\" run --id-map single --env-file ./shared/env ./root true; echo \"status $?\"")
        #expect(outcome.output == "status 125\n" && outcome.errors.contains("a variable of yours"), "\(outcome)")
    }

    /// The user's own links lead on.
    @Test func onesOwnLinkIsFollowed() throws {
        try world.sh("ln -s own mine")
        let outcome = try besideAnother(
            "\"$SANDBOX\" run --id-map single --bind ./mine:/data ./root cat /data/secret")
        #expect(outcome.output == "secret\n", "\(outcome)")
    }
}
