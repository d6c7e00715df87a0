// sandbox-manage: every command that is not about starting a sandbox. Users type `sandbox`, which hands over to this.

import ArgumentParser

Root.exit(withError: Invocation(Array(CommandLine.arguments.dropFirst())).run())
