// A disk that is full says so in one line, and keeps nothing that is not whole.

import Foundation
import LinuxSystem
import Testing

@Suite(.enabled(if: World.canRun, World.missing)) struct FullDiskTests {
    let world: World

    init() throws { world = try World() }

    /// Runs one command on a tmpfs that grows until it succeeds, in a user namespace with one id. Prints a line for
    /// each attempt: the disk's size, status, number of lines said, what was said, and what is left unfinished.
    private static let script = """
        data=$PWD/disk
        mkdir -p "$data"
        mount -t tmpfs -o size=64k tmpfs "$data" || exit 77
        sandbox=$1
        shift
        for size in 64k 256k 512k 1m 1536k 2m 2560k 3m 4m 5m 6m 8m 64m; do
          mount -t tmpfs -o "remount,size=$size" tmpfs "$data" || exit 77
          XDG_DATA_HOME=$data "$sandbox" "$@" >said 2>&1
          status=$?
          left=$(find "$data" -name '.tmp-*' -o -name '*.new' -o -path '*/images/?*' | wc -l)
          printf '%s|%s|%s|%s|%s\\n' "$size" "$status" "$(wc -l <said)" "$left" "$(cat said)"
          [ "$status" != 0 ] || break
        done
        mount -t tmpfs -o remount,size=64m tmpfs "$data" || exit 77
        XDG_DATA_HOME=$data "$sandbox" verify && XDG_DATA_HOME=$data "$sandbox" images --format json
        """

    private func fill(_ words: [String], image: String) throws {
        let outcome = try world.sh(
            "exec unshare -Urm /bin/bash -c \"$@\"", [Self.script, "sh", World.binary] + words)
        try #require(outcome.status == 0, "\(outcome)")
        let attempts = outcome.lines.filter { $0.contains("|") }.map { $0.split(separator: "|").map(String.init) }
        #expect(attempts.count > 3, "\(outcome)")
        for attempt in attempts.dropLast() {
            #expect(Array(attempt[1...3]) == ["125", "1", "0"], "\(attempt)")
            #expect(attempt[4].contains("no space left for \"\(world.folder)/disk/sandbox"), "\(attempt)")
        }
        #expect(attempts.last.map { Array($0[1...3]) } == ["0", "0", "1"], "\(outcome)")
        #expect(outcome.output.contains(image), "\(outcome)")
    }

    @Test(.timeLimit(.minutes(2))) func pullsOntoAFullDisk() throws {
        let registry = try ImageRegistry(world, files: 400)
        try fill(["pull", "-q", registry.name(1)], image: registry.name(1))
    }

    @Test(.timeLimit(.minutes(2))) func importsOntoAFullDisk() throws {
        let registry = try ImageRegistry(world, files: 400)
        try world.must(["pull", "-q", registry.name(1)])
        try world.must(["export", registry.name(1), "-o", "image.tar"])
        try fill(["import", "image.tar", "imported"], image: "imported")
    }
}
