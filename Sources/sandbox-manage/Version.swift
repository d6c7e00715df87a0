// `sandbox version`.

import ArgumentParser

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "print the version")

    func run() { print(Root.version) }
}
