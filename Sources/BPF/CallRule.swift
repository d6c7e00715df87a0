// Programs put together from rules: a number, what its arguments must be, and the answer.

/// What one call is answered with where its arguments are so. They are compared in their low halves.
public struct CallRule: Sendable {
    public enum Condition: Sendable {
        case equals(argument: Int, UInt32)
        /// One of these bits is set.
        case anyBit(argument: Int, UInt32)
    }

    let number: UInt32
    /// All must hold.
    let conditions: [Condition]
    /// SECCOMP_RET_* with its data.
    let answer: UInt32

    public init(_ number: UInt32, where conditions: [Condition] = [], answer: UInt32) {
        self.number = number
        self.conditions = conditions
        self.answer = answer
    }

    /// Goes on behind it where the rule does not apply.
    var code: [FilterProgram.Instruction] {
        // Two instructions a condition, and the answer.
        var left = 2 * conditions.count + 1
        var code: [FilterProgram.Instruction] = [
            .init(Code.load, 0), .init(Code.ifEqual, number, jumpFalse: UInt8(left)),
        ]
        for condition in conditions {
            left -= 2
            let (test, argument, value) =
                switch condition {
                case .equals(let argument, let value): (Code.ifEqual, argument, value)
                case .anyBit(let argument, let bits): (Code.ifAnyBit, argument, bits)
                }
            code.append(.init(Code.load, UInt32(16 + 8 * argument)))
            code.append(.init(test, value, jumpFalse: UInt8(left)))
        }
        return code + [.init(Code.answer, answer)]
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
