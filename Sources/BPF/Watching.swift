// A program rewritten so that a supervisor hears of calls (seccomp_unotify(2)). What the calls are answered with stays
// what the first program says: the supervisor asks that one again about the same numbers.

/// A call that a supervisor wants to hear of though it is allowed.
public struct WatchedCall: Sendable {
    public var number: UInt32
    /// Only where one of these bits of the low half of this argument is set; nil: always.
    public var condition: (argument: Int, bits: UInt32)?

    public init(_ number: UInt32, where condition: (argument: Int, bits: UInt32)? = nil) {
        self.number = number
        self.condition = condition
    }
}

extension FilterProgram {
    /// ENOSYS: what C libraries ask for to see whether a call exists. Nothing is refused by that.
    public static let unknownCall: Int32 = 38

    /// Tells a supervisor of every refusal, and of `watched` calls.
    /// - Parameter exempt: numbers of calls that are decided by this program alone: those that are made before anybody
    ///   listens.
    /// - Returns: nil where it would be longer than the kernel takes.
    public func telling(of watched: [WatchedCall], exempt: [UInt32]) -> FilterProgram? {
        let asking = instructions.map { instruction in
            guard instruction.code == Code.answer, let errno = SeccompAnswer.errno(instruction.value), errno != 0,
                errno != Self.unknownCall
            else { return instruction }
            return Instruction(Code.answer, SeccompAnswer.notify)
        }
        // Mostly none of them: only then does this program have to stand in the new one a second time.
        let refused = exempt.filter { number in
            possibleAnswers(to: number).contains { SeccompAnswer.errno($0).map { $0 != 0 } ?? false }
        }
        let head = Self.questions(watched.filter { isOnlyAllowedOrRefused($0.number) })
        guard !refused.isEmpty else { return Self.checked(head + asking) }
        let detour = Self.detour(for: refused, over: asking.count)
        return Self.checked(head + detour + asking + instructions)
    }

    /// Tells a supervisor of every call but the `exempt` ones.
    public func tellingOfAll(exempt: [UInt32]) -> FilterProgram? {
        let ask = [Instruction(Code.answer, SeccompAnswer.notify)]
        var exempt = exempt
        if instructions.contains(where: { $0.code == Code.answer && !SeccompAnswer.isAllowedOrRefused($0.value) }) {
            for number in 0..<Self.numbers where !exempt.contains(number) && !isOnlyAllowedOrRefused(number) {
                exempt.append(number)
            }
        }
        return Self.checked(Self.detour(for: exempt, over: ask.count) + ask + instructions)
    }

    /// No machine has a call with a higher number.
    private static let numbers: UInt32 = 1024

    /// Whether this program does nothing else with a call: one that ends the caller, or is to be logged, must be left to
    /// the kernel, because a supervisor can't answer so.
    private func isOnlyAllowedOrRefused(_ number: UInt32) -> Bool {
        possibleAnswers(to: number).allSatisfy(SeccompAnswer.isAllowedOrRefused)
    }

    private static func checked(_ instructions: [Instruction]) -> FilterProgram? {
        instructions.count <= limit ? FilterProgram(instructions) : nil
    }

    private static func questions(_ watched: [WatchedCall]) -> [Instruction] {
        watched.flatMap { call in
            let conditions = call.condition.map { [CallRule.Condition.anyBit(argument: $0.argument, $0.bits)] } ?? []
            return CallRule(call.number, where: conditions, answer: SeccompAnswer.notify).code
        }
    }

    /// Goes past the next `length` instructions for calls of these numbers.
    private static func detour(for numbers: [UInt32], over length: Int) -> [Instruction] {
        var code = [Instruction(Code.load, 0)]
        for (index, number) in numbers.enumerated() {
            code.append(Instruction(Code.ifEqual, number, jumpFalse: 1))
            code.append(Instruction(Code.jump, UInt32(2 * (numbers.count - index - 1) + length)))
        }
        return code
    }
}
