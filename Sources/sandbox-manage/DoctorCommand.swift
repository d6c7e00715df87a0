// `sandbox doctor`: whether a sandbox can be started here, and what to do where not.

import ArgumentParser
import Foundation
import LaunchPlan
import SandboxPolicy

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "tell whether sandboxes can be started here, and what to do if not",
        discussion: """
            Goes through what a launch needs, in its order, by trying it. Exit status 0: a sandbox can be started; 1: none \
            can. What is degraded is done without. Checks that need one that is missing are left out.
            """)

    @ArgumentParser.Option(help: "text or json") var format = ListFormat.text

    func run() throws {
        var doctor = try Doctor(try Surroundings(believingAll: true))
        try doctor.examine()
        if format == .json {
            try list(doctor.checks, .json, header: [], cells: { _ in [] })
        } else {
            let isColoured = isatty(1) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
            print(DoctorOutput(doctor.checks, isColoured: isColoured).text, terminator: "")
        }
        if doctor.checks.contains(where: { $0.state == .missing }) { throw ExitCode(1) }
    }
}

/// One thing that a launch needs, for people and for programs.
struct Check: Codable {
    enum State: String, Codable { case ok, missing, degraded }

    var name: String
    var state: State
    /// What is there, where there is more to it than that.
    var found = ""
    var cause = ""
    /// Lines for a shell; what is to be said beside them is a comment there.
    var remedy = ""

    init(_ need: Need, found: String = "") {
        name = need.rawValue
        state = .ok
        self.found = found
    }

    init(_ need: Need, _ state: State, _ diagnosis: Diagnosis) {
        name = need.rawValue
        self.state = state
        cause = diagnosis.cause
        remedy = diagnosis.remedy.lines.joined(separator: "\n")
    }
}

/// A line a check, then what to do: about the first that is missing, and about what is degraded.
struct DoctorOutput {
    private let checks: [Check]
    private let isColoured: Bool

    init(_ checks: [Check], isColoured: Bool) {
        self.checks = checks
        self.isColoured = isColoured
    }

    var text: String {
        let width = (checks.map(\.name.count).max() ?? 0) + 2
        var lines = checks.map { check in
            let name = check.name.padding(toLength: width, withPad: " ", startingAt: 0)
            return mark(check.state) + " " + (name + escaped(check.found + word(check.state))).trimmingSuffix()
        }
        let missing = checks.first { $0.state == .missing }
        for check in (missing.map { [$0] } ?? []) + checks.filter({ $0.state == .degraded }) {
            lines += ["", mark(check.state) + " \(check.name): " + escaped(check.cause)]
            lines += check.remedy.split(separator: "\n").map { "    " + escaped(String($0)) }
        }
        lines += ["", missing == nil ? "a sandbox can be started here" : "no sandbox can be started here"]
        return lines.joined(separator: "\n") + "\n"
    }

    private func word(_ state: Check.State) -> String { state == .ok ? "" : state.rawValue }

    private func mark(_ state: Check.State) -> String {
        let (mark, colour) =
            switch state {
            case .ok: ("✓", 32)
            case .degraded: ("!", 33)
            case .missing: ("✗", 31)
            }
        return isColoured ? "\u{1b}[\(colour)m\(mark)\u{1b}[0m" : mark
    }
}

extension String {
    fileprivate func trimmingSuffix() -> String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
