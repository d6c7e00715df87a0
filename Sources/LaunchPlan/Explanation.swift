// --explain: the same policy and plan that a launch would use, printed.

public import SandboxPolicy

public struct Explanation {
    private let plan: LaunchPlan
    private let policy: Policy
    private let facts: Facts

    public init(_ plan: LaunchPlan, _ policy: Policy, _ facts: Facts) {
        self.plan = plan
        self.policy = policy
        self.facts = facts
    }

    public func text(json: Bool) -> String { json ? jsonText : plainText }

    private var plainText: String {
        var lines = ["policy"]
        let width = policy.settings.map { $0.option.rawValue.count + $0.value.count }.max() ?? 0
        for setting in policy.settings where setting.option != .explain {
            let text = setting.option.rawValue + " " + shown(setting.value)
            let padding = String(repeating: " ", count: max(1, width + 3 - text.count))
            lines.append("  " + text + padding + "(" + setting.origin.word + ")")
        }
        lines.append("capabilities")
        lines.append("  " + (capabilities.isEmpty ? "none" : capabilities.joined(separator: " ")))
        lines.append("landlock")
        lines += (plan.execution.landlock?.lines ?? ["none"]).map { "  " + $0 }
        lines.append("identity")
        lines.append("  " + plan.identity.rootOutside(facts))
        if plan.identity.mode == .single, facts.uid != 0 {
            lines.append("  the caller's supplementary groups stay: one id alone can't drop them; --id-map range does")
        }
        for range in plan.identity.uids { lines.append("  user ids  " + words(range)) }
        for range in plan.identity.gids { lines.append("  group ids " + words(range)) }
        lines.append("namespaces")
        lines.append("  " + plan.namespaces.names.joined(separator: " "))
        if let shown = plan.shown { lines += ["host"] + shown.lines.map { "  " + $0 } }
        lines.append("steps")
        for (index, step) in plan.steps.enumerated() { lines.append("  \(index + 1). " + escaped(step.description)) }
        lines.append("command")
        lines.append("  " + plan.execution.command.map(quoted).joined(separator: " "))
        lines.append("  in \(shown(plan.execution.workdir))")
        for (name, value) in plan.execution.environment { lines.append("  env " + shown(name + "=" + value)) }
        return escaped(lines.joined(separator: "\n") + "\n", keepingLines: true)
    }

    private var capabilities: [String] {
        plan.execution.capabilities.members.map { "\($0)" }
    }

    private func words(_ range: IDRange) -> String {
        range.count == 1
            ? "\(range.inside) inside is \(range.outside) outside"
            : "\(range.inside)…\(range.inside + (range.count - 1)) inside are \(range.outside)…\(range.outside + (range.count - 1)) outside"
    }

    /// Quoted only where it must be.
    private func shown(_ text: String) -> String {
        quoted(text) == "\"" + text + "\"" && !text.isEmpty ? text : quoted(text)
    }

    private var jsonText: String {
        let settings = policy.settings.filter { $0.option != .explain }.map {
            JSON.object([
                ("option", .string($0.option.rawValue)), ("value", .string($0.value)),
                ("origin", .string($0.origin.word)),
            ])
        }
        func ranges(_ ranges: [IDRange]) -> JSON {
            .array(
                ranges.map {
                    .object([
                        ("inside", .number(Int($0.inside))), ("outside", .number(Int($0.outside))),
                        ("count", .number(Int($0.count))),
                    ])
                })
        }
        let whole = JSON.object([
            ("policy", .array(settings)), ("capabilities", .array(capabilities.map { .string($0) })),
            ("landlock", .array((plan.execution.landlock?.lines ?? []).map { .string($0) })),
            (
                "identity",
                .object([
                    ("mode", .string(plan.identity.mode.rawValue)), ("uids", ranges(plan.identity.uids)),
                    ("gids", ranges(plan.identity.gids)), ("root", .string(plan.identity.rootOutside(facts))),
                ])
            ),
            ("namespaces", .array(plan.namespaces.names.map { .string($0) })),
            (
                "host",
                .object(
                    plan.shown.map {
                        [
                            ("shown", .array($0.folders.map { .string($0) })),
                            ("empty", .array($0.hidden.map { .string($0) })),
                            ("others", .array($0.others.map { .string($0) })),
                        ]
                    } ?? [])
            ),
            ("steps", .array(plan.steps.map { .string($0.description) })),
            (
                "command",
                .object([
                    ("words", .array(plan.execution.command.map { .string($0) })),
                    ("workdir", .string(plan.execution.workdir)),
                    (
                        "environment",
                        .object(plan.execution.environment.map { ($0.name, .string($0.value)) })
                    ),
                ])
            ),
        ])
        return whole.text + "\n"
    }
}

/// Enough of RFC 8259 to print a plan: the static launcher links no JSON library.
private indirect enum JSON {
    case string(String)
    case number(Int)
    case array([JSON])
    case object([(String, JSON)])

    var text: String {
        switch self {
        case .string(let text): Self.literal(text)
        case .number(let number): String(number)
        case .array(let items): "[" + items.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { Self.literal($0.0) + ":" + $0.1.text }.joined(separator: ",") + "}"
        }
    }

    private static func literal(_ text: String) -> String {
        var escaped = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": escaped += "\\\""
            case "\\": escaped += "\\\\"
            case _ where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                escaped += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped + "\""
    }
}
