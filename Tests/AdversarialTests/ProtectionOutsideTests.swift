// What happens outside while a project is shown, and what git outside finds in its own folders afterwards.

import Foundation
import TestWorld
import Testing

// Links in git's folders, through which git outside writes.
extension ProtectionTests {
    private static let links = """
        v=VICTIM; cd .git; printf 'evil\\n' >MERGE_MSG
        for n in COMMIT_EDITMSG SQUASH_MSG TAG_EDITMSG FETCH_HEAD ORIG_HEAD logs/HEAD logs/refs/heads/main index packed-refs \\
            gitk.cache worktrees/linked/logs/HEAD worktrees/linked/COMMIT_EDITMSG modules/sub/COMMIT_EDITMSG modules/sub/logs/HEAD
        do mkdir -p ${n%/*} 2>/dev/null; rm -f $n; ln -s $v $n; done
        mkdir -p a/b/c; ln -s $v a/b/c/deep; ln -s ../../evil rebase-merge; ln -s $v objects/ab; ln -s config NOTES_EDITMSG
        ln -s hooks/post-commit BISECT_LOG; ln -s a/b/c/deep inner; chmod 0311 logs; chmod 0 a/b; ln -s description harmless; ln -s $v objects/pack/x
        """

    private func makeVictim() throws -> String {
        try git(
            """
            cp -r project sub.git; cd project; git submodule --quiet add ../sub.git sub; git commit -qm sub
            git worktree add -q ../linked; ln -s ../a .git/mine; rm -f .git/index.lock
            """)
        try world.write("victim", "the user's\n")
        return Self.links.replacingOccurrences(of: "VICTIM", with: world.folder + "/victim")
    }

    private func expectNoLinks(_ folder: String = "project") throws {
        try git("chmod -R u+rwX project/.git")
        #expect(try git("cd project/.git; find . -type l | sort").output == "./harmless\n./mine\n")
        for tree in ["project", "linked", "project/sub"] {
            _ = try world.sh(
                "cd \(tree); GIT_EDITOR=false git commit --allow-empty; git commit -q --allow-empty -m x; git fetch -q ."
            )
        }
        #expect(try git("cat victim").output == "the user's\n")
    }

    @Test(arguments: ["project", "linked"])
    func linksThatARunLeavesInGitAreTakenAway(_ start: String) throws {
        var script = try makeVictim()
        if start == "linked" {
            script = script.replacingOccurrences(of: "cd .git", with: "cd \(world.folder)/project/.git")
        }
        try world.write("script", script)
        let outcome = try world.sh(
            "cd \(start); \"$SANDBOX\" run --profile ci --bind \(world.folder)/script:/script:ro host bash /script")
        #expect(
            outcome.errors.contains(
                "/project/.git/COMMIT_EDITMSG led to \(world.folder)/victim; the link is taken away"))
        try expectNoLinks()
        if start == "linked" { return }
        _ = try inside(script, ["--protect", "none"])
        #expect(try world.sh("cd project/.git; find . -type l").lines.count > 15)
    }

    /// By whoever is left, or else by the next start.
    @Test(arguments: [false, true])
    func linksAreTakenAwayAfterAKill(_ guardToo: Bool) throws {
        try world.write("script", try makeVictim() + "\necho on; sleep 1000")
        let launcher = try world.start(
            "/bin/sh",
            [
                "-c",
                "cd project && exec \"$SANDBOX\" run --profile ci --bind \(world.folder)/script:/script:ro host bash /script",
            ])
        try launcher.waitForOutput("on")
        // Found before its parent is gone.
        let guardian = try world.sh(
            "ps -o pid= --ppid \(launcher.id) -o args= | grep sandbox-guard | grep -o '^ *[0-9]*'"
        ).output
        #expect(guardian.split(separator: "\n").count == 1, "\(guardian)")
        if guardToo { try git("kill -9 \(guardian)") }
        launcher.signal(9)
        _ = try launcher.finish()
        if guardToo {
            #expect(try git("readlink project/.git/COMMIT_EDITMSG").output == "\(world.folder)/victim\n")
            try git("chmod -R u+rwX project/.git")
            #expect(try world.sh("cd project; \"$SANDBOX\" run --profile ci host true").status == 0)
        }
        for _ in 0..<6000 where try git("ls -A home/.local/share/sandbox/links").output != "" { usleep(10_000) }
        try expectNoLinks()
    }
}

// What somebody outside does to protected places meanwhile.
extension ProtectionTests {
    /// Both at once, so that neither name is ever without a file (renameat2(2)): `mv` would leave time in between.
    private static let exchange = """
        EXCHANGE() { python3 -c 'import ctypes, sys
        a, b = [x.encode() for x in sys.argv[1:]]
        sys.exit(ctypes.CDLL(None).renameat2(-100, a, -100, b, 2))' "$@"; }

        """
    private static let wait = """
        covers() { grep -cE ' /[^ ]*/project/(PLACES) ro' /proc/self/mountinfo; }
        echo on; until [ -e go ]; do sleep 0.05; done
        n=0; until [ "$(covers)" = COUNT ] || [ $n = 600 ]; do n=$((n+1)); sleep 0.05; done
        """

    private func start(_ places: [String], _ script: String) throws -> Running {
        let wait = Self.wait.replacingOccurrences(
            of: "PLACES", with: places.joined(separator: "|").replacingOccurrences(of: ".", with: "\\.")
        ).replacingOccurrences(of: "COUNT", with: "\(places.count)")
        try world.write("script", wait + "\n" + script)
        let running = try world.start(
            "/bin/sh",
            [
                "-c",
                "cd project && exec \"$SANDBOX\" run --profile ci --bind \(world.folder)/script:/script:ro host bash /script",
            ])
        try running.waitForOutput("on")
        return running
    }

    @Test func whatIsMovedOrTakenAwayOutsideIsCoveredAgain() throws {
        try git(
            """
            cd project; echo u >.envrc; mkdir .vscode .husky .devcontainer; touch .vscode/t .husky/h .exrc .devcontainer/x
            git add .envrc .vscode; git commit -qm one; git switch -qc other; git rm -rq .envrc .vscode; git commit -qm two
            git switch -q main
            """)
        let places = [".git/config", ".git/hooks", ".envrc", ".vscode", ".exrc", ".idea", ".husky", ".devcontainer"]
        let running = try start(
            places,
            """
            for f in .git/config .envrc .exrc; do echo evil >>$f; done
            for d in .git/hooks .vscode .idea .husky .devcontainer; do mkdir -p $d; echo evil >$d/evil; done
            grep -rl evil .git/config .git/hooks .envrc .vscode .exrc .idea .husky .devcontainer; echo end
            """)
        try git(
            Self.exchange + """
                cd project; git switch -q other; cp .git/config .git/c2; EXCHANGE .git/config .git/c2; mv .git/hooks .git/h2; rm .exrc
                mv .idea moved; mv .husky h; mkdir -p .husky; mv .devcontainer dev; cp -r dev .devcontainer; touch go
                """)
        let outcome = try running.finish()
        #expect(outcome.output == "on\nend\n", "\(outcome.output)\(outcome.errors)")
        // What is left is the user's, and nothing else.
        try git("cd project; rm -rf dev h .git/h2 .git/c2 .husky .devcontainer go; rmdir moved")
        #expect(
            try git("cd project; ls -A . .git").output.split(separator: "\n").filter { $0.hasPrefix(".") } == [
                ".:", ".git", ".git:",
            ])
        #expect(try git("cd project; git switch -q main; cat .envrc").output == "u\n")
    }

    @Test func whatIsReplacedManyTimesOutsideIsCoveredInTheEnd() throws {
        let running = try start([".git/config"], "git config a.b evil; git config x.y; echo end")
        try git(
            "cd project; for i in $(seq 100); do cp .git/config .git/n; mv .git/n .git/config; done; git config x.y z; touch go"
        )
        let outcome = try running.finish()
        #expect(outcome.output == "on\nz\nend\n", "\(outcome.output)\(outcome.errors)")
        #expect(try world.sh("cd project; git config a.b").output.isEmpty)
    }

    /// The whole folder above is moved away, and comes again.
    @Test func aFolderAboveThatIsMovedOutsideIsHeldAgain() throws {
        let running = try start(
            [".git/config", ".git/hooks"],
            "git config a.b evil; echo x >.git/hooks/evil; mv .git g; echo $(ls .git/HEAD) end")
        try git(Self.exchange + "cd project; cp -r .git g2; EXCHANGE .git g2; touch go")
        let outcome = try running.finish()
        #expect(outcome.output == "on\n.git/HEAD end\n", "\(outcome.output)\(outcome.errors)")
        #expect(try world.sh("cd project; git config a.b; ls .git/hooks/evil").output.isEmpty)
    }
}

// Links, and what git looks into beside its own folder.
extension ProtectionTests {
    @Test func whatALinkLeadsToIsProtectedWhereThereIsNothingYet() throws {
        try git(
            """
            cd project; mkdir c c/hus; rm -r .git/hooks; ln -s ../c/hooks .git/hooks; ln -s .envrc.local .envrc
            ln -s c/hus mid; ln -s ./mid/../hus/../../mid .husky; ln -s up/x .vscode; ln -s c up; mkdir c/x
            ln -s $PWD/c/inc inc; git config include.path $PWD/../way/inc; ln -s project ../way
            """)
        let outcome = try inside(
            """
            mkdir c/hooks; echo evil >c/hooks/post-index-change; echo evil >.envrc.local; rm mid; mkdir mid; echo evil >mid/pre-commit
            rm up; mkdir -p up/x; echo evil >up/x/tasks; mv c d; echo evil >c/x/t; echo evil >c/inc; git status --short c; echo end
            """)
        #expect(outcome.output.hasSuffix("end\n"), "\(outcome)")
        #expect(try world.sh("cd project; grep -r evil .; ls c; readlink mid up").output == "hus\nx\nc/hus\nc\n")
    }

    /// Those whose `.git` is a folder of their own, and those that nobody has fetched.
    @Test func whatIsNamedAsASubmoduleIsProtected() throws {
        try git(
            """
            cp -r project sub.git; cd project; git clone -q ../sub.git old; git submodule --quiet add ../sub.git old
            git submodule --quiet add ../sub.git 'two words'; git submodule --quiet add ../sub.git new; git commit -qm subs
            printf '[submodule "old"]\\n\\tpath = \\\\\\nold ; x\\n\\turl = ../sub.git\\n[submodule "new"] path = "ne\\\\\\nw"\\n' >.gitmodules
            git submodule --quiet deinit -f new; rm -rf .git/modules/new
            """)
        #expect(try git("cd project; git config -f .gitmodules submodule.new.path").output == "new\n")
        let attack = attack(
            """
            git config -f old/.git/config core.fsmonitor 'RUN'; rm -r old/.git/hooks; git -C old log --format=%s
            git init -q new; git -C new config core.fsmonitor 'RUN'
            git -C old commit -q --allow-empty -m y; git -C old log --format=%s | head -1
            """)
        #expect(try inside(attack).output == "first\ny\n")
        #expect(try !runsOutside())
        #expect(try git("cd project; ls -A new").output.isEmpty)
        _ = try inside(attack, ["--protect", "none"])
        #expect(try runsOutside())
    }

    /// Those that lie in the folder which is shown, as beside a bare `.git`.
    @Test func theFileOfALinkedWorkTreeIsProtected() throws {
        try git(
            """
            git clone -q --bare project all/.bare; cd all; echo 'gitdir: ./.bare' >.git; git worktree add -q main; git worktree add -q gone
            rm -r gone
            """)
        let attack = attack(
            """
            cp -r .bare evil; rm -rf evil/worktrees; git config -f evil/config core.bare false
            git config -f evil/config core.fsmonitor 'RUN'; echo "gitdir: $PWD/evil" >main/.git; mv main m; ls main
            cd main; git commit -q --allow-empty -m y; git log --format=%s | head -1
            """)
        #expect(try inside(attack, in: "all").output == "a\ny\n")
        #expect(try !runsOutside("all/main"))
        _ = try inside(attack, in: "all", ["--protect", "none"])
        #expect(try runsOutside("all/main") || runsOutside("all/m"))
    }

    @Test func namesThatAreNoTextAreProtected() throws {
        try git(
            #"""
            n=$(printf 'n\xff\xe2\x80\xa8x'); cp -r project sub.git; cd project; git submodule --quiet add --name "$n" ../sub.git sub
            git commit -qm sub; git worktree add -q "../$(printf 'w\xff')" 2>/dev/null; mkdir "$(printf 'hk\xff')"
            git config core.hooksPath "$(printf 'hk\xff')"; printf '/\xffx\n' >>.git/info/exclude; touch "$(printf '\xffx')"
            """#)
        let attack = attack(
            #"""
            for c in .git/modules/n*/config .git/worktrees/w*/config.worktree; do git config -f "$c" core.fsmonitor 'RUN'; done
            touch hk*/evil "$(printf 'b\xff')"; git status --short; ls -d hk* b* | od -An -c | tr -d ' \n'
            """#)
        let outcome = try inside(attack, ["--protect", "$(printf 'b\\xff')"])
        #expect(outcome.output == "b377\\nhk377\\n", "\(outcome)")
        #expect(try world.sh("cd project; ls hk*; ls .git/worktrees/w*").output.contains("config.worktree") == false)
        #expect(try !runsOutside())
    }

    /// Each would be looked at, at each start.
    @Test func tooManyWorkTreesAreNamed() throws {
        try git("cd project/.git; mkdir worktrees; cd worktrees; for i in $(seq 600); do mkdir $i; done")
        let outcome = try world.sh("cd project; \"$SANDBOX\" run --profile ci host true")
        #expect(outcome.status == 125 && outcome.errors.contains("more than 512 linked work trees"), "\(outcome)")
        #expect(try inside("echo on", ["--protect", "'!.git'"]).output == "on\n")
    }

    /// Programs with libgit2 find the repository meanwhile: `.` alone leads them nowhere.
    @Test func otherReadersOfGitsFolderFindIt() throws {
        let running = try start([".git/config"], "")
        #expect(try git("cd project; cat .git/commondir; git log --format=%s").output == "./\nfirst\n")
        try git("touch project/go")
        #expect(try running.finish().status == 0)
    }
}
