// Files that are no files, in each place where somebody can name one: nothing is waited for, nothing read without end.

import Foundation
import TestWorld
import Testing

struct WaitingFileTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    enum Kind: String, CaseIterable {
        case fifo, socket, device, terminal, endless

        /// Makes it as `odd`.
        var made: String {
            switch self {
            case .fifo: "mkfifo odd"
            case .socket: "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"odd\")'"
            case .device: "ln -s /dev/zero odd"
            case .terminal: "ln -s /dev/ptmx odd"
            case .endless: "truncate -s 2T odd; chmod 600 odd"
            }
        }
    }

    /// Where a file is named: a script that is given the path of `odd`, and ends by itself.
    static let places = [
        "env-file": "$SANDBOX run --env-file ./odd ./root true",
        "env-file of a profile":
            "echo 'env-file = \"odd\"' >p.toml; $SANDBOX run --profile ./p.toml ./root true",
        "seccomp": "$SANDBOX run --seccomp ./odd ./root true",
        "profile": "ln -s odd odd.toml; $SANDBOX run --profile ./odd.toml ./root true",
        "extends": "echo 'extends = \"./odd\"' >p.toml; $SANDBOX profile check ./p.toml",
        "layer": "$SANDBOX run --layer ./odd ./root true",
        "import": "$SANDBOX import ./odd x",
        "load": "$SANDBOX load -i ./odd",
        "adopt": "$SANDBOX run oci-archive:./odd true",
        "lowers": "mkdir up .up.sandbox; mv odd .up.sandbox/lowers; $SANDBOX diff ./up",
        "record of a kept sandbox":
            "$SANDBOX run --name k ./root true; mv odd home/.local/share/sandbox/sandboxes/k/lowers; $SANDBOX diff k",
        "settings of registries":
            "CONTAINERS_REGISTRIES_CONF=$PWD/odd $SANDBOX pull localhost:1/x",
        "credentials": "REGISTRY_AUTH_FILE=$PWD/odd $SANDBOX pull localhost:1/x",
    ]

    @Test(arguments: places.keys.sorted(), Kind.allCases)
    func isRefusedAndNeverWaitedFor(_ place: String, _ kind: Kind) throws {
        // A sparse archive is looked into, and is none.
        try world.write("attempt", try #require(Self.places[place]))
        let outcome = try world.sh("\(kind.made); exec timeout -s KILL 20 bash ./attempt </dev/null")
        #expect(outcome.status == 125, "\(outcome)")
        #expect(outcome.saysOneLineAtMost && !outcome.errors.isEmpty, "\(outcome)")
    }

    /// What people hand in goes on working: a plain file, a pipe of the shell's own, nothing at all.
    @Test func pipesOfTheCallersOwnAreRead() throws {
        try world.write("file.env", "A=file\n")
        for word in ["./file.env", "<(echo A=file)", "/dev/stdin <<<A=file"] {
            let outcome = try world.sh("$SANDBOX run --env-file \(word) ./root sh -c 'echo $A'")
            #expect(outcome.output == "file\n", "\(word): \(outcome)")
        }
        #expect(try world.run(["--env-file", "/dev/null"], "echo \"${A-none}\"").output == "none\n")
        try world.sh("tar -C root --owner=0 --group=0 -cf root.tar .")
        for (place, word) in ["- <root.tar", "/dev/stdin <root.tar", "<(cat root.tar)", "root.tar"].enumerated() {
            let imported = try world.sh(
                word.hasSuffix("<root.tar")
                    ? "$SANDBOX import \(word.replacingOccurrences(of: " <", with: " i\(place) <"))"
                    : "$SANDBOX import \(word) i\(place)")
            #expect(imported.status == 0, "\(word): \(imported)")
        }
        let moved = try world.sh(
            "$SANDBOX save i0 | $SANDBOX load -q; $SANDBOX save i0 | $SANDBOX load -q -i /dev/stdin")
        #expect(moved.output == "i0:latest\ni0:latest\n" || moved.lines.count == 2, "\(moved)")
        // A pipe is the caller's; one that a file names is not.
        try world.write("p.toml", "env-file = \"/dev/fd/9\"\n")
        let named = try world.sh("$SANDBOX run --profile ./p.toml ./root true 9< <(sleep 5)")
        #expect(named.status == 125 && named.errors.contains("not a regular file"), "\(named)")
    }

    /// A pipe may have more in it than is read, and may have no end.
    @Test func anEndlessPipeIsCutOff() throws {
        let outcome = try world.sh("exec timeout -s KILL 20 bash -c '$SANDBOX run --env-file <(yes A=1) ./root true'")
        #expect(outcome.status == 125 && outcome.errors.contains("1048576 bytes at most"), "\(outcome)")
    }
}
