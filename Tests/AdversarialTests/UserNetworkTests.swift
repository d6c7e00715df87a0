// A network by pasta: what this machine reaches, and nothing of what listens on the machine itself. All of it happens in network
// namespaces that the test makes: no packet leaves the machine.

import Foundation
import LinuxSystem
import TestWorld
import Testing

/// pasta needs its program and a device that any user may open.
private let missing: String? = {
    if !Files.isAccessible("/usr/bin/pasta", 1) { return "needs pasta, of the package passt" }
    return Files.isAccessible("/dev/net/tun", 6) ? nil : "needs a /dev/net/tun that this user may open"
}()

@Suite(.enabled(if: missing == nil, Comment(rawValue: missing ?? "")))
struct UserNetworkTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.write("root/etc/os-release", "ID=alpine\n")
        // Answers each connection with its name.
        try world.write(
            "answer.py",
            """
            import socket, sys
            server = socket.create_server((sys.argv[1], int(sys.argv[2])))
            print("listens", flush=True)
            while True:
                connection = server.accept()[0]
                connection.sendall(sys.argv[3].encode() + b"\\n")
                connection.close()
            """)
        // A machine with a loopback, and another one beside it.
        try world.write(
            "machines",
            """
            set -e
            ip link set lo up
            unshare -n sleep 60 & beside=$!
            while [ "$(readlink /proc/$beside/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
            ip link add here type veth peer name there netns $beside
            ip address add 10.9.0.1/24 dev here
            ip link set here up
            ip route add default via 10.9.0.2
            nsenter -t $beside -n sh -c 'ip address add 10.9.0.2/24 dev there; ip link set there up'
            python3 answer.py 0.0.0.0 8001 own >own & own=$!
            nsenter -t $beside -n python3 answer.py 10.9.0.2 8002 other >other & other=$!
            trap 'kill $beside $own $other' EXIT
            until grep -q listens own && grep -q listens other; do sleep 0.02; done
            "$@"
            """)
    }

    /// Runs a command on a machine of the test's own.
    private func onAMachine(_ words: String) throws -> Outcome {
        try world.sh("unshare -rn --kill-child bash machines \(words)")
    }

    private static let ask = """
        for place in "127.0.0.1 8001" "10.9.0.1 8001" "0.0.0.0 8001" "10.9.0.2 8001" "10.9.0.2 8002"; do
          echo "$place $(timeout 2 nc $place </dev/null 2>/dev/null | head -n 1)"
        done
        """

    @Test func whatListensOnTheLoopbackIsNotReached() throws {
        try world.write("root/ask", Self.ask)
        let user = try onAMachine("\"$SANDBOX\" run --network user ./root sh /ask")
        #expect(
            user.lines == [
                "127.0.0.1 8001 ", "10.9.0.1 8001 ", "0.0.0.0 8001 ", "10.9.0.2 8001 ", "10.9.0.2 8002 other",
            ], "\(user.errors)")
        let host = try onAMachine("\"$SANDBOX\" run --network host ./root sh /ask")
        #expect(host.lines.prefix(3) == ["127.0.0.1 8001 own", "10.9.0.1 8001 own", "0.0.0.0 8001 own"])
    }

    /// Another interface, as of a bridge or a VPN, and addresses of IPv6 on both: one of each that the link gives by itself.
    /// No detection of duplicates, which takes a second.
    private static let moreInterfaces = """
        set -e
        ip link add side type veth peer name end
        for link in here side end; do ip link set $link down; echo 0 >/proc/sys/net/ipv6/conf/$link/accept_dad; done
        ip address add 10.99.0.1/24 dev side
        ip link set here up; ip link set side up; ip link set end up
        ip route replace default via 10.9.0.2
        ip -6 address add fd09::1/64 dev here nodad; ip -6 address add fd99::1/64 dev side nodad
        ip -6 route add default via fd09::2
        python3 -c '
        import socket
        server = socket.create_server(("::", 8003), family=socket.AF_INET6, dualstack_ipv6=True)
        print("listens", flush=True)
        while True:
            connection = server.accept()[0]
            connection.sendall(b"own\\n")
            connection.close()' >all & all=$!
        trap 'kill $all' EXIT
        first=$(ip -6 -o address show dev here scope link | sed 's/.*inet6 //;s:/.*::')
        second=$(ip -6 -o address show dev side scope link | sed 's/.*inet6 //;s:/.*::')
        until grep -q listens all; do sleep 0.02; done
        asked="- 10.9.0.2 8002 here 10.9.0.2 8002"
        for device in - here; do
          for place in 10.99.0.1 10.9.0.1 fd99::1 fd09::1 fd99:: ::ffff:10.99.0.1; do asked="$asked $device $place 8003"; done
        done
        for place in "$first" "$second"; do asked="$asked here $place 8003"; done
        mkdir sign
        """

    /// By no address of whatever interface, also with a socket that is bound to the way out; nor by one that comes later.
    @Test func noAddressOfThisMachineIsReached() throws {
        try world.compile("reach")
        let inside = """
            reach $asked; : >/sign/asked; until [ -e /sign/there ]; do sleep 0.02; done
            for try in $(seq 100); do reach - 10.98.0.1 8003 | grep -q own || break; sleep 0.05; done
            reach - 10.98.0.1 8003 - fd98::1 8003
            """
        try world.write("root/inside", inside)
        try world.write(
            "more",
            Self.moreInterfaces.replacingOccurrences(of: "\n        ", with: "\n") + """

                "$SANDBOX" run --network "$1" --env asked="$asked" --bind ./sign:/sign ./root sh /inside & run=$!
                until [ -e sign/asked ]; do sleep 0.02; done
                ip address add 10.98.0.1/24 dev side; ip address add fd98::1/64 dev side nodad
                : >sign/there
                wait $run
                """)
        let user = try onAMachine("bash more user")
        #expect(user.lines.prefix(2) == ["- 10.9.0.2 other", "here 10.9.0.2 other"], "\(user)")
        #expect(user.lines.count == 18 && user.lines.dropFirst(2).allSatisfy { $0.hasSuffix(" -") }, "\(user)")
        try world.sh("rm -r sign")
        let host = try onAMachine("bash more host")
        #expect(host.lines.filter { $0.hasSuffix(" own") }.count > 6, "\(host)")
    }

    /// A profile's set-up runs programs of the image: here they look for services of the machine.
    @Test(arguments: ["user", "host"])
    func aSetUpSeesNoServiceOfThisMachine(_ network: String) throws {
        try world.write("root/bin/apk", "#!/bin/sh\n\(Self.ask)\n")
        try world.sh("chmod 755 root/bin/apk")
        let setup = network == "host" ? "[setup]\nnetwork = \"host\"\n" : ""
        try world.write("own.toml", "extends = \"build\"\n" + setup)
        let outcome = try onAMachine("\"$SANDBOX\" run --profile ./own.toml ./root true")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("10.9.0.2 8002 other"))
        #expect(outcome.errors.contains("8001 own") == (network == "host"), "\(outcome.errors)")
    }

    /// pasta itself would go on when its sandbox is gone.
    @Test(arguments: ["true", "kill -9"])
    func pastaEndsWithTheSandbox(_ end: String) throws {
        let wait = end == "true" ? "wait $run" : "kill -9 $run"
        let script = """
            "$SANDBOX" run --network user ./root sh -c 'echo up; sleep \(end == "true" ? 0 : 60)' >up & run=$!
            until grep -q up up; do sleep 0.02; done
            \(end == "true" ? "" : "pgrep -x 'passt(.avx2)?|pasta(.avx2)?' >/dev/null || echo none")
            \(wait)
            for try in $(seq 500); do
              pgrep -x 'passt(.avx2)?|pasta(.avx2)?' -r S,R,D >/dev/null || exit 0
              sleep 0.02
            done
            echo lives
            """
        try world.write("script", script)
        let outcome = try world.sh(
            "unshare -rnpf --mount-proc --kill-child bash machines bash script")
        #expect(outcome.output.isEmpty, "\(outcome)")
        #expect(outcome.status == 0, "\(outcome)")
    }

    @Test func whatPastaLacksIsSaid() throws {
        let outcome = try world.sh("unshare -rn \"$SANDBOX\" run --network user ./root true")
        #expect(outcome.status == 125 && outcome.errors.contains("pasta can't give the sandbox a network"))
        #expect(outcome.errors.split(separator: "\n").count == 1)
    }
}
