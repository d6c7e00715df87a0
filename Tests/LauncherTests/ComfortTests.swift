// `--with`: what of the caller's own a sandbox sees, only when it is asked for, and no more of it than was asked for.

import TestWorld
import Testing

final class ComfortTests {
    let world: World

    init() throws {
        world = try World()
        try world.write("home/.gitconfig", "[user]\nname = Ada\n")
        try world.write("home/.config/git/ignore", "*.o\n")
        try world.write("home/.config/git/credentials", "https://secret\n")
        try world.sh("mkdir project other")
    }

    private func inside(_ folder: String, _ options: String, _ script: String) throws -> Outcome {
        try world.sh("cd \(folder) && \"$SANDBOX\" shell \(options) sh -c '\(script)'")
    }

    @Test func nothingComesUnasked() throws {
        let outcome = try inside("project", "", "ls -A ~; echo \"$SSH_AUTH_SOCK$HISTFILE\"")
        #expect(outcome.status == 0 && outcome.output == "\n", "\(outcome)")
    }

    @Test func gitsSettingsAreReadAndNoCredentials() throws {
        let outcome = try inside(
            "project", "--with git",
            "cat ~/.gitconfig; ls ~/.config/git; echo x >>~/.gitconfig || echo kept; git config user.name || true")
        #expect(outcome.output.contains("name = Ada") && outcome.output.contains("ignore\nkept\n"), "\(outcome)")
        #expect(!outcome.output.contains("credentials"))
    }

    @Test func aColonInAPathIsAColon() throws {
        try world.sh("mv home a:b; ln -s a:b home")
        let script = "cat ~/.gitconfig; echo x >>$HISTFILE && echo kept"
        let outcome = try world.sh(
            "cd project && HOME=\(world.folder)/a:b \"$SANDBOX\" shell --with git,history --env HOME=/h:h sh -c '\(script)'"
        )
        #expect(outcome.output.contains("name = Ada") && outcome.output.hasSuffix("kept\n"), "\(outcome)")
    }

    @Test func theHistoryIsOfTheFolder() throws {
        let write = "echo first >$HISTFILE; echo second >$HISTFILE.new; mv $HISTFILE.new $HISTFILE"
        #expect(try inside("project", "--with history,git", write).status == 0)
        #expect(try inside("project", "--with history", "cat $HISTFILE").output == "second\n")
        #expect(try inside("other", "--with history", "cat $HISTFILE").status != 0)
    }

    @Test func theAgentAnswers() throws {
        let outcome = try world.sh(
            """
            python3 -c 'import socket, os
            s = socket.socket(socket.AF_UNIX); s.bind("agent"); s.listen()
            print("ready", flush=True)
            c, _ = s.accept(); c.sendall(b"hello")' >said &
            until grep -q ready said 2>/dev/null; do sleep 0.05; done
            SSH_AUTH_SOCK=$PWD/agent "$SANDBOX" run --with ssh-agent host python3 -c 'import socket, os
            s = socket.socket(socket.AF_UNIX); s.connect(os.environ["SSH_AUTH_SOCK"]); print(s.recv(5).decode())'
            wait
            """)
        #expect(outcome.output == "hello\n", "\(outcome)")
    }

    @Test func whatIsNotThereIsAnError() throws {
        for (words, wanted) in [
            ("--with ssh-agent", "SSH_AUTH_SOCK names no agent"), ("--with gti", "none of git, ssh-agent, history"),
        ] {
            let outcome = try inside("project", words, "true")
            #expect(outcome.status == 125 && outcome.errors.contains(wanted), "\(outcome.errors)")
        }
        try world.sh("rm -r home/.gitconfig home/.config/git")
        let outcome = try inside("project", "--with git", "true")
        #expect(outcome.status == 125 && outcome.errors.contains("git config --global user.name"), "\(outcome.errors)")
    }

    /// A project's profile that is not trusted does not get at it.
    @Test func strangersDoNotAsk() throws {
        try world.write("project/.sandbox/profiles/p.toml", "with = [\"git\"]\n")
        let outcome = try world.sh("cd project && \"$SANDBOX\" run --profile p host cat /root/.gitconfig")
        #expect(outcome.status == 125 && !outcome.output.contains("Ada"), "\(outcome)")
    }
}
