// `sandbox __options-md`: the page of options, as it is kept in docs/options.md.

import ArgumentParser
import SandboxPolicy

struct OptionsPageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "__options-md", abstract: "Print docs/options.md.", shouldDisplay: false)

    func run() { print(OptionHelp.markdown, terminator: "") }
}
