// What attacks are made with: small programs in C, static, so that they run on any root file system.

import Foundation
import TestWorld

extension World {
    /// Compiles `programs/NAME.c` of this folder to `./NAME`, and into the root file system as a command.
    func compile(_ names: String...) throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/programs"
        for name in names {
            let outcome = try sh("gcc -std=gnu17 -O1 -static -o \(name) '\(sources)/\(name).c' && cp \(name) root/bin/")
            if outcome.status != 0 { throw CompilerError(text: outcome.errors) }
        }
    }

    /// `sandbox run OPTIONS ./root sh -c SCRIPT`, killed where it takes more than half a minute.
    func bounded(_ options: [String], _ script: String) throws -> Outcome {
        try start(
            "/usr/bin/timeout", ["-s", "KILL", "30", Self.binary, "run"] + options + ["./root", "sh", "-c", script]
        )
        .finish()
    }

    /// As `bounded`, with a limit that lets the command begin, which says `ready`, however busy the machine is.
    func limited(_ script: String) throws -> (outcome: Outcome, seconds: Int) {
        for seconds in [1, 3] {
            let outcome = try bounded(["--timeout", "\(seconds)"], script)
            if outcome.output.hasPrefix("ready\n") { return (outcome, seconds) }
        }
        return (try bounded(["--timeout", "10"], script), 10)
    }
}

struct CompilerError: Error { let text: String }

extension Outcome {
    /// Nothing on standard error, or one line of the launcher's.
    var saysOneLineAtMost: Bool {
        errors.isEmpty || (errors.hasPrefix("sandbox: ") && errors.split(separator: "\n").count == 1)
    }
}
