// What a project leaves for programs outside to run later: what `--protect` holds, and that git goes on working inside.

import Foundation
import TestWorld
import Testing

struct ProtectionTests {
    let world: World

    init() throws {
        world = try World()
        try world.write(
            "home/.gitconfig",
            "[user]\n\tname = n\n\temail = n@example.org\n[protocol \"file\"]\n\tallow = always\n[init]\n\tdefaultBranch = main\n"
        )
        try git("git init -q project && cd project && echo a >a && git add a && git commit -qm first")
    }

    /// Outside, as the user.
    @discardableResult
    func git(_ script: String) throws -> Outcome {
        let outcome = try world.sh("set -e; " + script)
        try #require(outcome.status == 0, "\(script): \(outcome.output)\(outcome.errors)")
        return outcome
    }

    /// Inside `folder`, as `sandbox shell` or another profile shows it, with the user's name for git.
    func inside(_ script: String, in folder: String = "project", _ options: [String] = []) throws -> Outcome {
        try world.write("script", "set +e\n\(script)\n")
        return try world.sh(
            """
            cd \(folder) && "$SANDBOX" run --profile ci -q --env GIT_AUTHOR_NAME=n --env GIT_AUTHOR_EMAIL=n@example.org \
                --env GIT_COMMITTER_NAME=n --env GIT_COMMITTER_EMAIL=n@example.org --bind \(world.folder)/script:/script:ro \
                \(options.joined(separator: " ")) host bash /script
            """)
    }

    /// Whether git outside runs what was left for it.
    func runsOutside(_ folder: String = "project", _ command: String = "git status") throws -> Bool {
        _ = try world.sh("cd \(folder) && { \(command); git checkout -q .; } >/dev/null 2>&1")
        return FileManager.default.fileExists(atPath: world.folder + "/ran")
    }

    func attack(_ script: String) -> String {
        script.replacingOccurrences(of: "RUN", with: "touch \(world.folder)/ran; false")
    }

    static let evil =
        "mkdir -p x && cp -r .git/objects .git/refs .git/config x; git config -f x/config core.fsmonitor 'RUN'"

    @Test(arguments: [
        "git config core.fsmonitor 'RUN'",
        "cp .git/config c; git config -f c core.fsmonitor 'RUN'; mv -f c .git/config",
        "cp .git/config c; git config -f c core.fsmonitor 'RUN'; rm -f .git/config; cp c .git/config",
        "cp .git/config c; git config -f c core.fsmonitor 'RUN'; ln -f c .git/config; ln -sf ../c .git/config",
        "printf '#!/bin/sh\\nRUN\\n' >.git/hooks/post-checkout; chmod +x .git/hooks/post-checkout",
        "mv .git/hooks .git/h; mkdir .git/hooks; printf '#!/bin/sh\\nRUN\\n' >.git/hooks/post-checkout; chmod +x .git/hooks/*",
        "cp -r .git g; mv .git old; mv g .git; git config core.fsmonitor 'RUN'",
        "cp -r .git g; rm -rf .git; echo 'gitdir: g' >.git; git config -f g/config core.fsmonitor 'RUN'",
        evil + "; echo ../x >.git/commondir",
        evil + "; ln -s ../x .git/commondir; ln x/config .git/commondir; mkdir .git/commondir",
        "chmod 777 .git/config .git/hooks; umount .git/config; mount -o remount,rw,bind .git/config; git config core.fsmonitor 'RUN'",
    ])
    func gitRunsNothingOutside(_ script: String) throws {
        _ = try inside(attack(script))
        #expect(try !runsOutside())
    }

    @Test(arguments: ["core.fsmonitor"])
    func withoutProtectionGitRunsIt(_ key: String) throws {
        _ = try inside(attack("git config \(key) 'RUN'"), ["--protect", "none"])
        #expect(try runsOutside())
    }

    /// What git's own settings name: hooks elsewhere, other settings.
    @Test func whatTheSettingsNameIsProtectedToo() throws {
        try git(
            "cd project && git config core.hooksPath tools/hooks && git config include.path ../team.config"
                + " && mkdir -p tools/hooks && touch team.config tools/hooks/pre-commit")
        let attack = attack(
            "git config -f team.config core.fsmonitor 'RUN'; mv tools t; mkdir -p tools/hooks; "
                + "printf '#!/bin/sh\\nRUN\\n' >tools/hooks/post-checkout; chmod +x tools/hooks/*")
        _ = try inside(attack)
        #expect(try !runsOutside())
        _ = try inside(attack, ["--protect", "none"])
        #expect(try runsOutside())
    }

    /// What is too long to be looked through hides what it names: it is an error, not a file that names nothing.
    @Test(arguments: [".git/config", ".gitmodules", "team.config"])
    func settingsThatAreTooLongAreAnError(_ file: String) throws {
        try git("cd project && git config include.path ../team.config && touch team.config .gitmodules")
        try world.sh("yes '# a comment' | head -c 1100000 >long; cat long >>project/\(file)")
        let outcome = try inside("echo ran")
        #expect(outcome.status == 125 && outcome.output.isEmpty, "\(outcome)")
        #expect(outcome.errors.contains("longer than 1 MiB") && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(try inside("echo ran", ["--protect", "!.git"]).output == "ran\n")
    }

    /// Somebody puts a link in the place of git's list while the sandbox starts: nothing else is shown in its stead.
    @Test func aListThatIsSwappedWhileASandboxStartsLeadsNowhere() throws {
        try world.sh("mkdir -p root/bin; echo SECRET >secret")
        try world.compile("swap")
        let lay =
            "cd project/.git/info; rm -f list link; echo '# ours' >list; ln -s \(world.folder)/secret link; cp list exclude"
        for _ in 0..<40 {
            // What a run leaves of links is taken away.
            try world.sh(lay)
            let racer = try world.start("./swap", ["project/.git/info/exclude", "project/.git/info/link"])
            defer { racer.signal(SIGKILL) }
            let outcome = try inside("cat .git/info/exclude")
            #expect(!outcome.output.contains("SECRET"), "\(outcome)")
            racer.signal(SIGKILL)
            _ = try racer.finish()
            try world.sh("rm -f project/.git/info/exclude")
        }
        // The control: the list is shown when nobody exchanges it.
        try world.sh(lay)
        #expect(try inside("cat .git/info/exclude").output.contains("# ours"))
    }

    static let names = [
        ".sandbox", ".envrc", ".vscode", ".idea", ".devcontainer", ".husky", ".claude", ".git/config.worktree",
    ]

    @Test(arguments: names)
    func aPathThatIsThereIsReadOnly(_ path: String) throws {
        let isFile = path == ".envrc" || path.hasSuffix(".worktree")
        try git("cd project; git config extensions.worktreeConfig true; mkdir -p \(isFile ? "." : path)")
        try world.write("project/" + (isFile ? path : path + "/file"), "old\n")
        let outcome = try inside(
            "cat \(path) \(path)/file 2>/dev/null; echo new >\(path); echo new >\(path)/file; rm -rf \(path); mv \(path) x;"
                + "mkdir y; mv -T y \(path); chmod 777 \(path)")
        #expect(outcome.output.hasPrefix("old\n"))
        #expect(try world.sh("cat project/\(path) project/\(path)/file 2>/dev/null").output == "old\n")
    }

    @Test(arguments: names + ["deep/er/place"])
    func aPathThatIsNotThereIsNotMade(_ path: String) throws {
        try git("cd project; git config extensions.worktreeConfig true")
        let before = try world.fingerprint("project")
        let top = path.hasPrefix(".git/") ? path : String(path.prefix { $0 != "/" })
        let script =
            "mkdir -p \(path); echo new >\(path); ln -s / \(path); mv x \(path); rm -rf \(top); mkdir -p \(path)/x"
        let outcome = try inside(script + "; git status --short; git add -A; git status --short", ["--protect", path])
        #expect(outcome.output.isEmpty)
        #expect(try git("cd project && git status --short").output.isEmpty)
        let after = try world.fingerprint("project")
        #expect(Self.withoutTimes(after) == Self.withoutTimes(before))
        _ = try inside(script, ["--protect", "none"])
        #expect(try Self.withoutTimes(world.fingerprint("project")) != Self.withoutTimes(before))
    }

    /// Folders that something was made in and taken from have another time; git writes its index anew.
    private static func withoutTimes(_ fingerprint: String) -> [String] {
        fingerprint.split(separator: "\n").filter { !$0.hasSuffix("./.git/index") }.map { line in
            let words = line.split(separator: " ")
            return words.count > 3 ? words[..<3].joined(separator: " ") : String(line)
        }
    }

    /// However it ends, nothing of it is left in the project.
    @Test(arguments: [0, 3, 6, 10, 15, 20, 30, 50, 100, 400])
    func nothingIsLeftAfterAKill(_ milliseconds: UInt32) throws {
        let before = try world.fingerprint("project")
        let launcher = try world.start(
            "/bin/sh", ["-c", "cd project && exec \"$SANDBOX\" run --profile ci host sleep 1000"])
        usleep(milliseconds * 1000)
        launcher.signal(9)
        #expect(try launcher.finish().status == 137)
        var after: [String] = []
        for _ in 0..<6000 {
            after = try Self.withoutTimes(world.fingerprint("project"))
            if after == Self.withoutTimes(before) { break }
            usleep(10_000)
        }
        #expect(after == Self.withoutTimes(before))
    }

    /// It is found where it is by then: the project may have been moved, and another put in its place.
    @Test func nothingIsLeftInAProjectThatWasMoved() throws {
        let before = try Self.withoutTimes(world.fingerprint("project"))
        let outcome = try world.sh(
            """
            mkdir sign; cd project
            "$SANDBOX" run --profile ci --bind ../sign:/sign host sh -c ': >/sign/in; until [ -e /sign/go ]; do sleep 0.05; done' &
            cd ..; until [ -e sign/in ]; do sleep 0.02; done
            [ -d project/.envrc ] && echo stood
            mv project moved; mkdir project; : >sign/go; wait
            """)
        #expect(outcome.output == "stood\n", "\(outcome)")
        #expect(try Self.withoutTimes(world.fingerprint("moved")) == before)
    }

    /// When the one that tidies up was killed too, the next start does it.
    @Test func theNextStartTakesAwayWhatWasLeft() throws {
        let before = try Self.withoutTimes(world.fingerprint("project"))
        try git("cd project; mkdir -m 1755 .vscode; printf '.\\n' >.git/commondir; chmod 1444 .git/commondir")
        #expect(try inside("git status --short; echo new >.vscode/x").output.isEmpty)
        #expect(try Self.withoutTimes(world.fingerprint("project")) == before)
    }

    /// Two sandboxes on one project: the first that ends leaves what the second stands on.
    @Test func theLastOneTakesItAway() throws {
        let before = try Self.withoutTimes(world.fingerprint("project"))
        let first = try world.start(
            "/bin/sh",
            [
                "-c",
                "cd project && exec \"$SANDBOX\" run --profile ci -q host sh -c 'echo on; read x </dev/tty; sleep 2'",
            ])
        try first.waitForOutput("on")
        let second = try world.start(
            "/bin/sh",
            [
                "-c",
                "cd project && exec \"$SANDBOX\" run --profile ci -q host sh -c 'echo on; sleep 5; mkdir .vscode/x .idea'",
            ]
        )
        try second.waitForOutput("on")
        _ = try first.finish()
        #expect(try world.sh("ls -A project").output.contains(".vscode"))
        #expect(try second.finish().status == 1)
        #expect(try Self.withoutTimes(world.fingerprint("project")) == before)
    }

    /// Programs outside replace files by renaming, which takes the mount off that covered the old one.
    @Test func whatIsReplacedOutsideIsCoveredAgain() throws {
        try git("mkdir project/.idea")
        let running = try world.start(
            "/bin/sh",
            [
                "-c",
                """
                cd project && exec "$SANDBOX" run --profile ci host sh -c 'echo on; until [ -e go ]; do sleep 0.1; done
                covers() { grep -cE " [^ ]*/project/(\\.git/config|\\.idea|\\.vscode) " /proc/self/mountinfo; }
                n=0; until [ "$(covers)" = 3 ] || [ $n = 300 ]; do n=$((n+1)); sleep 0.1; done
                git config a.b c; mkdir .idea/x .vscode; git config x.y'
                """,
            ])
        try running.waitForOutput("on")
        try git("cd project; git config x.y outside; rmdir .idea .vscode; mkdir .idea")
        try git("touch project/go")
        let outcome = try running.finish()
        #expect(outcome.output == "on\noutside\n")
        #expect(outcome.errors.contains(".git/config was replaced from outside; it is protected again"))
        var after = ""
        for _ in 0..<6000 {
            after = try git("cd project; git config --get-regexp '^[ax]'; ls -A . .idea").output
            if after == "x.y outside\n.:\n.git\n.idea\na\ngo\n\n.idea:\n" { break }
            usleep(10_000)
        }
        #expect(after == "x.y outside\n.:\n.git\n.idea\na\ngo\n\n.idea:\n")
    }

    /// What the user makes outside meanwhile is the user's.
    @Test func whatIsPutThereOutsideStays() throws {
        let running = try world.start(
            "/bin/sh",
            [
                "-c",
                "cd project && exec \"$SANDBOX\" run --profile ci host sh -c 'echo on; until [ -e go ]; do sleep 0.1; done'",
            ])
        try running.waitForOutput("on")
        try git("cd project; echo x >.vscode/settings.json; touch go")
        #expect(try running.finish().status == 0)
        #expect(try git("cd project; ls -A; stat -c %a .vscode").output == ".git\n.vscode\na\ngo\n755\n")
    }

    @Test func aPathBelowAFileIsNoError() throws {
        let outcome = try inside("rm -f a; mkdir a; cat a", ["--protect", "a/b/c"])
        #expect(outcome.output == "a\n")
    }

    @Test(arguments: ["..", "x/../../y", "/", ".", "!", ""])
    func whatIsNoPathIsAnError(_ path: String) throws {
        let outcome = try world.sandbox(["run", "--protect", path, "host", "true"])
        #expect(outcome.status == 125 && outcome.errors.contains("must be PATH, !PATH or none"), "\(outcome.errors)")
    }

    @Test func linksAreProtectedWithWhatTheyLeadTo() throws {
        try git(
            "cd project; mkdir conf; echo old >conf/tasks; ln -s conf .vscode; mkdir h; rm -r .git/hooks; ln -s ../h .git/hooks"
        )
        _ = try inside("echo new >conf/tasks; rm .vscode; mkdir .vscode; mv conf c; touch h/post-checkout .git/hooks/x")
        #expect(try git("cd project; readlink .vscode; cat .vscode/tasks; ls h").output == "conf\nold\n")
    }

    @Test func aSecondWayToTheProjectIsProtectedToo() throws {
        let outcome = try inside(
            attack("cd /other/project; git config core.fsmonitor 'RUN'; mkdir .vscode/x; cd ..; mv project p; ls"),
            ["--bind", "\(world.folder):/other"])
        #expect(outcome.output.contains("project\n"))
        #expect(try !runsOutside())
    }

    @Test func aReportNamesWhatOpensIt() throws {
        let outcome = try world.sh(
            "cd project; \"$SANDBOX\" run --profile ci host sh -c 'git config a.b c; mkdir .vscode/x; rm -r .idea; mv a .envrc/a'"
        )
        for path in [".git/config", ".vscode", ".idea", ".envrc"] {
            #expect(outcome.errors.contains("by protect = \"\(path)\" (profile ci); to allow it: --protect '!\(path)'"))
        }
        #expect(
            try inside(
                "git config a.b c && mkdir .vscode && git config a.b",
                ["--protect", "'!.git'", "--protect", "'!.vscode'"]
            ).output == "c\n")
        #expect(
            try git("cd project; \"$SANDBOX\" run --profile ci --explain host").output.contains(
                "protect .git/config of #1: read-only"))
    }
}

// Daily work goes on.
extension ProtectionTests {
    static let work = """
        set -e; exec 2>&1
        echo b >b; git add -A; git commit -qm second
        echo c >c; git stash -qu; git stash pop -q; git add -A; git commit -qm third
        git switch -qc side HEAD~1; echo d >d; git add -A; git commit -qm side; git rebase -q work; git switch -q work
        git merge -q side; git tag t; git reset -q --hard HEAD; git revert --no-edit HEAD >/dev/null
        git commit -q --amend -m amended; git fetch -q ../remote main; git gc -q; git fsck --no-progress; git branch -D side -q
        git worktree add -q ./tree; (cd tree; echo t >t; git add t; git commit -qm tree); git worktree remove tree
        git branch -q -d -f tree; git status --short; git log --oneline --format=%s | head -3
        """

    @Test(arguments: ["project", "linked", "super/sub", "super"])
    func gitWorksInside(_ kind: String) throws {
        try git(
            """
            cp -r project remote; git clone -q project plain
            cd project; git branch work; cd ..
            git -C project worktree add -q ../linked work; cp -r project sub.git
            git init -q super; cd super; git submodule --quiet add ../sub.git sub; git commit -qm sub
            git switch -qc work; cd sub; git switch -qC work; git commit -q --allow-empty -m empty
            """)
        if kind == "project" { try git("git -C project worktree remove ../linked; git -C project switch -q work") }
        let folder = kind.hasSuffix("sub") ? "super/sub" : kind
        let script = Self.work.replacingOccurrences(of: "../remote", with: "/remote")
        let up = kind.hasSuffix("sub") ? "../" : ""
        try world.write("script", script)
        let outcome = try world.sh(
            """
            cd \(folder) && "$SANDBOX" run --profile ci -q --env GIT_AUTHOR_NAME=n --env GIT_AUTHOR_EMAIL=n@example.org \
                --env GIT_COMMITTER_NAME=n --env GIT_COMMITTER_EMAIL=n@example.org --bind \(up)../script:/script:ro \
                --bind \(up)../remote:/remote:ro --bind \(up)../home:/root:ro --env HOME=/root host bash /script
            """)
        // Settings of a branch that goes are not taken out of .git/config: git says so and goes on.
        #expect(outcome.status == 0 && outcome.lines.contains("amended"), "\(outcome.output)\(outcome.errors)")
        #expect(try git("cd \(folder); git log --format=%s | head -1").output == "amended\n")
        #expect(try git("cd \(folder); git status --short").output.isEmpty)
    }

    /// The common folder of a linked work tree, and those of submodules, have settings and hooks of their own.
    @Test(arguments: [
        ("linked", "linked"), ("linked", "project"), ("super", "super"), ("super", "super/sub"),
        ("super/sub", "super/sub"),
        ("super/sub", "super"),
    ])
    func nothingRunsFromOtherFoldersOfGit(_ start: String, _ opened: String) throws {
        try git(
            """
            git -C project worktree add -q ../linked; cp -r project sub.git; git -C sub.git worktree prune
            git init -q super; cd super; git submodule --quiet add ../sub.git sub; git commit -qm sub
            """)
        let script = """
            common=$(git rev-parse --path-format=absolute --git-common-dir); own=$(git rev-parse --absolute-git-dir)
            for d in "$common" "$own" "$common"/modules/* "$common"/worktrees/*; do
              git config -f $d/config core.fsmonitor 'RUN'; git config -f $d/config.worktree core.fsmonitor 'RUN'
              printf '#!/bin/sh\\nRUN\\n' >$d/hooks/post-checkout; chmod +x $d/hooks/post-checkout
              mkdir -p x; cp -r "$common/objects" "$common/refs" "$common/config" x; git config -f x/config core.fsmonitor 'RUN'
              echo $PWD/x >$d/commondir; mv $d $d.old; cp -r $d.old $d; git config -f $d/config core.fsmonitor 'RUN'
            done
            for f in .git sub/.git; do rm -f $f; cp -r "$common" evil; git config -f evil/config core.fsmonitor 'RUN'
              echo "gitdir: $PWD/evil" >$f; mv evil $f; done; mv sub s; mkdir sub; cp -r evil sub/.git
            """
        #expect(try inside(attack(script), in: start).status != 125)
        #expect(try !runsOutside(opened))
    }

    /// A `.git` file leads only to where somebody outside put this work tree.
    @Test(arguments: ["gitdir: SECRET/.git", "gitdir: SECRET/.git/worktrees/tree", "gitdir: ../secret/.git/modules/x"])
    func aFileOfTheProjectsLeadsNowhereElse(_ line: String) throws {
        try git(
            """
            git init -q secret; cd secret; echo s >s; git add s; git commit -qm s; git worktree add -q ../tree
            git init -q .git/modules/x; mv .git/modules/x/.git/* .git/modules/x; git -C .git/modules/x config core.worktree ../../../x
            mkdir ../clone
            """)
        try world.write("clone/.git", line.replacingOccurrences(of: "SECRET", with: world.folder + "/secret") + "\n")
        let outcome = try world.sh(
            "cd clone; \"$SANDBOX\" run --profile ci host ls \(world.folder) \(world.folder)/secret")
        #expect(!outcome.output.contains("secret"))
        #expect(outcome.errors.contains("does not say that it belongs here"))
        // The one that was put there is followed.
        let shown = try world.sh("cd tree; \"$SANDBOX\" run --profile ci host ls -A \(world.folder)/secret")
        #expect(shown.output == ".git\n")
    }
}

// What is not there yet, and is believed when it is.
extension ProtectionTests {
    /// Git looks at the folder itself where `.git` is no repository.
    static let bare = """
        for d in . x; do mkdir -p $d/objects $d/refs; echo 'ref: refs/heads/main' >$d/HEAD
          git config -f $d/config core.repositoryformatversion 0; git config -f $d/config core.bare false
          git config -f $d/config core.worktree .; git config -f $d/config core.fsmonitor 'RUN'; done
        rm -f .git/HEAD; chmod 755 refs objects; [ -e refs/. ] && [ -e objects/. ] || echo x >commondir
        """

    @Test(arguments: ["project", "plain", "project/sub"], ["", "refs", "refs objects", "objects HEAD", "commondir"])
    func theProjectIsMadeNoRepository(_ folder: String, _ there: String) throws {
        try git("mkdir -p plain project/sub; cd \(folder); for n in \(there); do mkdir $n; touch $n/file; done")
        if there == "commondir" { try git("cd \(folder); rm -r commondir; echo x >commondir") }
        let script = attack(Self.bare)
        try world.write("script", script)
        let running = try world.start(
            "/bin/sh",
            [
                "-c",
                """
                cd \(folder) && exec "$SANDBOX" run --profile ci --bind \(world.folder)/script:/script:ro host sh -c \
                    'bash /script; echo on; until [ -e go ]; do sleep 0.1; done'
                """,
            ])
        defer { running.signal(9) }
        try running.waitForOutput("on")
        #expect(try !runsOutside(folder))
        try git("touch \(folder)/go")
        #expect(try running.finish().status == 0)
        #expect(try !runsOutside(folder))
        if there.isEmpty {
            _ = try inside(script, in: folder, ["--protect", "none"])
            #expect(try runsOutside(folder))
        }
    }

    /// Also where git's folder is protected as a whole.
    @Test func aFolderWithoutARepositoryIsMadeNone() throws {
        try git("mkdir plain")
        #expect(
            try inside(attack(Self.bare), in: "plain", ["--protect", "'!.git'", "--protect", ".git"]).status != 125)
        #expect(try !runsOutside("plain"))
    }

    @Test(arguments: [("bare", "."), ("project", "/bare")])
    func aBareRepositoryIsProtected(_ start: String, _ place: String) throws {
        try git("git init -q --bare bare; mkdir bare/work")
        let script = attack(
            "cd \(place); git config -f config core.bare false; git config -f config core.worktree .;"
                + "git config -f config core.fsmonitor 'RUN'; mkdir hooks/x info/attributes; ls -d hooks/x info/attributes/"
        )
        let options = ["--bind", "\(world.folder)/bare:/bare"]
        #expect(try inside(script, in: start, options).output.isEmpty)
        #expect(try !runsOutside("bare"))
        #expect(
            try git("git clone -q bare c 2>&1; cd bare; git rev-parse --is-bare-repository").output.hasSuffix("true\n"))
        _ = try inside(script, in: start, options + ["--protect", "none"])
        #expect(try runsOutside("bare"))
    }

    /// Read as soon as a setting says so, which git itself sets: `git sparse-checkout`, `git worktree`.
    @Test(arguments: ["project", "linked"], [false, true])
    func noSettingsOfAWorkTreeAreMade(_ start: String, _ isRead: Bool) throws {
        try git("cd project; git worktree add -q ../linked; git worktree add -q ../other")
        if isRead { try git("git -C project config extensions.worktreeConfig true") }
        let script = attack(
            """
            common=$(git rev-parse --path-format=absolute --git-common-dir)
            for d in "$common" "$common"/worktrees/*; do git config -f $d/config.worktree core.fsmonitor 'RUN'; done
            git status --short; git commit -q --allow-empty -m x && git log --format=%s | head -1
            """)
        let outcome = try inside(script, in: start)
        #expect(outcome.output == "x\n", "\(outcome.errors)")
        try git("git -C project config extensions.worktreeConfig true")
        for opened in ["project", "linked", "other"] { #expect(try !runsOutside(opened), "\(opened)") }
        _ = try inside(script, in: start, ["--protect", "'!.git/config.worktree'"])
        #expect(try runsOutside("other"))
    }

    /// Whoever can open one can lock it, and so keep it there.
    @Test func nobodyElseCanOpenAPlaceholder() throws {
        let running = try world.start(
            "/bin/sh",
            [
                "-c",
                "cd project && exec \"$SANDBOX\" run --profile ci host sh -c 'echo on; until [ -e .git/go ]; do sleep 0.1; done'",
            ])
        defer { running.signal(9) }
        try running.waitForOutput("on")
        let modes = try git("cd project; find . -perm -1000 -printf '%m %y\n' | sort -u").output
        #expect(modes == "1400 f\n1700 d\n")
        try git("cd project; touch .git/go; chmod 555 .")
        let outcome = try running.finish()
        try git("chmod 755 project")
        #expect(outcome.errors.contains("/project/.vscode is left: Permission denied"), "\(outcome.errors)")
    }

    /// `git submodule update --init` outside believes what it finds there.
    @Test(arguments: [false, true])
    func noFolderOfASubmoduleIsMade(_ hasOthers: Bool) throws {
        try git(
            """
            cp -r project sub.git; git init -q super; cd super; git submodule --quiet add ../sub.git sub
            git submodule --quiet add --name deep/er ../sub.git two; git commit -qm sub; cd ..; git clone -q super clone
            """)
        if hasOthers { try git("cd clone; git submodule --quiet update --init two") }
        let script = attack(
            """
            mkdir -p .git/modules/sub; cp -r .git/HEAD .git/objects .git/refs .git/modules/sub
            git config -f .git/modules/sub/config core.worktree ../../../sub
            git config -f .git/modules/sub/config core.fsmonitor 'RUN'
            cd two && git commit -q --allow-empty -m x && git log --format=%s | head -1
            """)
        let outcome = try inside(script, in: "clone")
        if hasOthers { #expect(outcome.output == "x\n", "\(outcome.errors)") }
        #expect(try !runsOutside("clone", "git submodule update --init"))
        #expect(try git("cd clone; cat sub/a").output == "a\n")
        try git("rm -rf clone; git clone -q super clone")
        _ = try inside(script, in: "clone", ["--protect", "none"])
        #expect(try runsOutside("clone", "git submodule update --init"))
    }

    /// A linked work tree has submodules of its own, in its own folder of git.
    @Test(arguments: ["project", "linked"], [false, true])
    func nothingRunsFromSubmodulesOfALinkedWorkTree(_ start: String, _ isThere: Bool) throws {
        try git(
            """
            cp -r project sub.git; cd project; git submodule --quiet add ../sub.git sub; git commit -qm sub
            git worktree add -q ../linked; cd ../linked
            """)
        let update = "git submodule --quiet update --init"
        if isThere { try git("cd linked; \(update)") }
        let script = attack(
            """
            d=\(world.folder)/project/.git/worktrees/linked/modules/sub; mkdir -p $d
            [ -e $d/HEAD ] || cp -r $d/../../../../HEAD $d/../../../../objects $d/../../../../refs $d
            git config -f $d/config core.worktree \(world.folder)/linked/sub; git config -f $d/config core.fsmonitor 'RUN'
            """)
        _ = try inside(script, in: start)
        #expect(try !runsOutside("linked", update + "; git -C sub status"))
        if start == "linked" { return }
        try git("rm -rf project/.git/worktrees/linked/modules linked/sub/.git")
        _ = try inside(script, in: start, ["--protect", "none"])
        #expect(try runsOutside("linked", update + "; git -C sub status"))
    }

    /// Also where no listed path names the place: settings, a work tree's own, the project's top.
    @Test func aReportNamesWhatOpensWhatGitLeadsTo() throws {
        try git("cd project; git config core.hooksPath tools/hooks; mkdir -p tools/hooks")
        let outcome = try world.sh(
            "cd project; \"$SANDBOX\" run --profile ci --read-only host sh -c 'mkdir refs/x; touch tools/hooks/x; mkdir -p /usr/x'"
        )
        #expect(outcome.errors.contains("(profile ci); to allow it: --protect '!refs'"), "\(outcome.errors)")
        #expect(outcome.errors.contains("(profile ci); to allow it: --protect '!.git'"), "\(outcome.errors)")
        #expect(outcome.errors.contains("by read-only = \"true\" (command line)"), "\(outcome.errors)")
        let opened = try inside(
            "mkdir refs && touch tools/hooks/x && echo open", ["--protect", "'!refs'", "--protect", "'!.git'"])
        #expect(opened.output == "open\n")
    }

    /// Settings include settings, each named from where it is named.
    @Test func whatIncludedSettingsNameIsProtectedToo() throws {
        try git(
            """
            cd project; git config include.path ../cfg/one; mkdir -p cfg/more
            git config -f cfg/one include.path more/two; git config -f cfg/more/two include.path ../three
            """)
        let attack = attack("git config -f cfg/three core.fsmonitor 'RUN'; git status --short; echo on")
        let outcome = try inside(attack)
        #expect(outcome.output.hasSuffix("on\n"), "\(outcome.errors)")
        #expect(try !runsOutside())
        _ = try inside(attack, ["--protect", "none"])
        #expect(try runsOutside())
    }
}
