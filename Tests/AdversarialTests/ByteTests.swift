// Names that are bytes: no other file is meant by them than the one that was named.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct ByteTests {
    let world: World

    /// Beside the folder `x\xff` one with the name that its bytes would have as mended text.
    init() throws {
        world = try World()
        try world.makeRoot()
        try world.sh(
            #"""
            X=x$'\xff'; Y=x$'\xef\xbf\xbd'
            mkdir $X $Y; echo own >$X/who; echo other >$Y/who
            for d in $X $Y; do cp -r root $d/root; cp $d/who $d/root/who; done
            """#)
    }

    /// `sandbox` is $SANDBOX, and the two folders $X and $Y.
    private func sh(_ script: String) throws -> Outcome {
        try world.sh(#"X=x$'\xff'; Y=x$'\xef\xbf\xbd'; sandbox() { "$SANDBOX" "$@"; }; "# + script)
    }

    @Test(arguments: [
        "cd $X; sandbox run --here ../root cat who", "cd $X; sandbox run --bind .:/d ../root cat /d/who",
        "sandbox run --bind $X:/d ./root cat /d/who", "sandbox run --bind $X:/d/$X ./root sh -c 'cat /d/*/who'",
        "sandbox run --layer $X/root ./root cat /who", "sandbox run ./$X/root cat /who",
        "cd $X; sandbox run ./root cat /who", "sandbox run --here -w \"$PWD/$X\" ./root cat who",
        "sandbox run --env V=$X --here ./root sh -c 'cat \"$V\"/who'",
        "E=$X/who sandbox run --env E --here ./root sh -c 'cat \"$E\"'",
        "echo E=$X/who >e; sandbox run --env-file e --here ./root sh -c 'cat \"$E\"'",
        "cp e $X/e 2>/dev/null || echo E=own >$X/e; sandbox run --env-file $X/e ./root sh -c 'echo $E'",
        "ln -s $X link; sandbox run --bind link:/d ./root cat /d/who",
        "mkdir $X/p; mv $X/p $X/home; HOME=$PWD/$X/home sandbox run ./$X/root cat /who",
        "tar -C $X/root -cf $X/i.tar .; sandbox import $X/i.tar i >/dev/null; sandbox run --pull never i cat /who",
        "for d in $X $Y; do printf '#!/bin/sh\\necho %s\\n' $(cat $d/who) >root/bin/$d; chmod 755 root/bin/$d; done; sandbox run ./root /bin/$X",
        "tar -C $X -cf $X/t.tar who; sandbox run --layer $X/t.tar ./root cat /who",
        "mkdir -p $X/.sandbox/profiles; echo 'hostname = \"own\"' >$X/.sandbox/profiles/p.toml; cd $X; sandbox run --profile p ../root hostname",
    ])
    func aNameIsTheBytesThatWereGiven(_ script: String) throws {
        let outcome = try sh(script)
        #expect(outcome.output == "own\n", "\(outcome)")
    }

    @Test func recordsOfUppersAndKeptSandboxesHoldTheBytes() throws {
        let outcome = try sh(
            """
            mkdir $X/up $Y/up
            sandbox run --upper $X/up ./$X/root sh -c 'echo 1 >/new'; cat $X/up/new; ls $Y/up
            sandbox diff $X/up; cd $X; sandbox run --name kept --here ./root cat who; cd ..; sandbox start kept cat who
            sandbox start kept cat /who
            """)
        #expect(outcome.output == "1\nA /new\nown\nown\nown\n", "\(outcome)")
    }

    @Test func messagesShowTheBytes() throws {
        let outcome = try sh("rm -r $X; sandbox run ./$X/root true")
        #expect(outcome.status == 125 && outcome.errors.contains("\"./x\\xff/root\""), "\(outcome)")
        #expect(try sh("sandbox run --bind /none/$X:/d ./root true").errors.contains("\"/none/x\\xff\""))
    }

    /// A name that begins with a combining mark is one Character with the slash before it.
    @Test func aNameThatBeginsWithAMarkIsAName() throws {
        let outcome = try world.sh(
            #"""
            M=$'\xcc\x81'up; mkdir $M; "$SANDBOX" run --here --upper $M ./root true
            """#)
        #expect(outcome.status == 125 && outcome.errors.contains("lies where the sandbox can write"), "\(outcome)")
        let bound = try world.sh(
            #"""
            M=$'\xcc\x81'up; echo own >$M/f; "$SANDBOX" run --bind $M:/a/$M ./root sh -c 'cat /a/*/f'; ls -A $M
            """#)
        #expect(bound.output == "own\nf\n", "\(bound)")
    }
}
