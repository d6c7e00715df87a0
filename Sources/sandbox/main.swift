// The launcher: `run`, `start` and `shell` here, every other word in sandbox-manage.

import Launcher
import LinuxSystem
import SandboxPolicy

let words = CommandLine.arguments
let manage = Manage()
guard words.count > 1, let verb = Verb(rawValue: words[1]) else {
    manage.replaceThisProcess(words)
}

do {
    let commandWords = try CommandWords(Array(words.dropFirst(2)))
    if commandWords.help { manage.replaceThisProcess([words[0], "help", verb.rawValue]) }
    Process.exit(try Run(verb, commandWords, offset: 2, manage).run())
} catch {
    Message.error("\(error)")
    Process.exit(125)
}
