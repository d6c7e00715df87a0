// Decides who handles the command line, and turns what is thrown into one line and an exit status.

import Launcher
import LinuxSystem
import SandboxPolicy

enum Start {
    static func run(_ words: [String]) -> Int32 {
        let manage = Manage()
        guard words.count > 1, let verb = Verb(rawValue: words[1]) else { manage.replaceThisProcess(words) }
        var settings: [Setting] = []
        do {
            if !manage.isSealed { try seal(manage) }
            let line = try CommandWords(Array(words.dropFirst(2)))
            if line.help { manage.replaceThisProcess([words[0], "help", verb.rawValue]) }
            try OwnFile.check(manage.places)
            let run = try Run(verb, line, words, offset: 2, manage)
            settings = run.line.settings
            let status = try run.run()
            // Nothing is taken apart any more: the process ends.
            withExtendedLifetime(run) { Process.exit(status) }
        } catch  where TimeLimit.hasPassed {
            TimeLimit.stop()
            return Run.timedOut(settings)
        } catch is Errno where Files.isCurrentFolderGone {
            Message.error("the current folder has been removed; change to one that is there")
            return 125
        } catch RunError.said {
            return 125
        } catch {
            Message.error("\(error)")
            return 125
        }
    }

    private static func seal(_ manage: Manage) throws(RunError) {
        do throws(Errno) { try SealedProgram.replaceThisProcess(manage.executable) } catch {
            throw RunError(
                "can't shield \(quoted(manage.executable)), which a sandbox of yours could write: \(error); "
                    + (error == .tooBig ? "allow larger files: `ulimit -f unlimited`" : "let root install it"))
        }
    }
}
