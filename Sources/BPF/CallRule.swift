// Programs put together from rules: a number, what its arguments must be, and the answer.

/// What one call is answered with where its arguments are so. They are compared in their low halves.
public struct CallRule: Sendable {
    public enum Condition: Sendable {
        case equals(argument: Int, UInt32)
        /// One of these bits is set.
        case anyBit(argument: Int, UInt32)
        /// The bits of a mask are these.
        case masked(argument: Int, UInt32, UInt32)

        /// Falls through where it holds, and else goes past `left` more instructions.
        fileprivate func code(left: Int) -> [FilterProgram.Instruction] {
            func load(_ argument: Int) -> FilterProgram.Instruction { .init(Code.load, UInt32(16 + 8 * argument)) }
            switch self {
            case .equals(let argument, let value):
                return [load(argument), .init(Code.ifEqual, value, jumpFalse: UInt8(left))]
            case .anyBit(let argument, let bits):
                return [load(argument), .init(Code.ifAnyBit, bits, jumpFalse: UInt8(left))]
            case .masked(let argument, let mask, let value):
                return [
                    load(argument), .init(Code.and, mask), .init(Code.ifEqual, value, jumpFalse: UInt8(left)),
                ]
            }
        }
    }

    public let number: UInt32
    /// All must hold.
    let conditions: [Condition]
    /// SECCOMP_RET_* with its data.
    let answer: UInt32

    public init(_ number: UInt32, where conditions: [Condition] = [], answer: UInt32) {
        self.number = number
        self.conditions = conditions
        self.answer = answer
    }

    /// The same rule for a call of another number.
    public func numbered(_ number: UInt32) -> CallRule { CallRule(number, where: conditions, answer: answer) }

    /// Goes on behind it where the rule does not apply.
    var code: [FilterProgram.Instruction] {
        var code: [FilterProgram.Instruction] = [.init(Code.answer, answer)]
        for condition in conditions.reversed() { code = condition.code(left: code.count) + code }
        return [.init(Code.load, 0), .init(Code.ifEqual, number, jumpFalse: UInt8(code.count))] + code
    }
}

extension FilterProgram {
    /// Answers by the first rule that applies, and allows the rest; what comes by another interface than this machine's
    /// own, where calls have other numbers, is answered with `foreign`.
    public init(_ rules: [CallRule], foreign: UInt32) {
        self.init(
            Self.head(foreign: foreign) + rules.flatMap(\.code) + [.init(Code.answer, SeccompAnswer.allow)])
    }

    /// Answers by the first rule that applies, then allows the calls of these numbers, and answers all others with
    /// `otherwise`; what comes by another interface than this machine's own is answered with `foreign`.
    public init(allowing numbers: [UInt32], after rules: [CallRule], otherwise: UInt32, foreign: UInt32) {
        self.init(
            Self.head(foreign: foreign) + rules.flatMap(\.code) + [.init(Code.load, 0)]
                + Self.runs(of: numbers).flatMap { run in
                    [
                        .init(Code.ifGreaterOrEqual, run.lowerBound, jumpFalse: 2),
                        .init(Code.ifGreater, run.upperBound, jumpTrue: 1),
                        .init(Code.answer, SeccompAnswer.allow),
                    ]
                } + [.init(Code.answer, otherwise)])
    }

    /// Answers calls of one interface by the first rule that applies, and allows the rest, as all calls of others.
    public init(_ rules: [CallRule], of architecture: UInt32) {
        let rest = [Instruction(Code.answer, SeccompAnswer.allow)]
        self = FilterProgram(rules.flatMap(\.code) + rest).preferred(for: architecture, to: FilterProgram(rest))
    }

    /// By the first rule that applies, then by the call's number; calls without either with `otherwise`.
    public init(answers: [UInt32: UInt32], after rules: [CallRule], otherwise: UInt32) {
        var code = rules.flatMap(\.code)
        // Numbers that follow each other, up to and with the last of a run.
        code.append(.init(Code.load, 0))
        let last = answers.keys.max() ?? 0
        for number in 0...last where number == last || answers[number] != answers[number + 1] {
            code.append(.init(Code.ifGreater, number, jumpTrue: 1))
            code.append(.init(Code.answer, answers[number] ?? otherwise))
        }
        self.init(code + [.init(Code.answer, otherwise)])
    }

    /// This program for calls of that interface, and `other` for all others.
    public func preferred(for architecture: UInt32, to other: FilterProgram) -> FilterProgram {
        FilterProgram(
            [
                .init(Code.load, 4), .init(Code.ifEqual, architecture, jumpTrue: 1),
                .init(Code.jump, UInt32(instructions.count)),
            ] + instructions + other.instructions)
    }

    private static func head(foreign: UInt32) -> [Instruction] {
        // The numbers of x32 have this bit.
        let x32: UInt32 = 0x4000_0000
        return [
            .init(Code.load, 4), .init(Code.ifEqual, SystemCall.nativeArchitecture, jumpTrue: 1),
            .init(Code.answer, foreign), .init(Code.load, 0), .init(Code.ifGreaterOrEqual, x32, jumpFalse: 1),
            .init(Code.answer, foreign),
        ]
    }

    /// Numbers that follow each other, together.
    private static func runs(of numbers: [UInt32]) -> [ClosedRange<UInt32>] {
        var runs: [ClosedRange<UInt32>] = []
        for number in numbers.sorted() {
            if let last = runs.last, number <= last.upperBound + 1 {
                runs[runs.count - 1] = last.lowerBound...number
            } else {
                runs.append(number...number)
            }
        }
        return runs
    }
}
