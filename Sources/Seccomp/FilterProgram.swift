// A classic BPF program as seccomp(2) takes it.

/// Instructions of a filter, in order (linux/filter.h).
public struct FilterProgram: Equatable, Sendable {
    /// `struct sock_filter`.
    public struct Instruction: Equatable, Sendable {
        public let code: UInt16
        public let jumpTrue: UInt8
        public let jumpFalse: UInt8
        public let value: UInt32
    }

    public let instructions: [Instruction]

    /// BPF_MAXINSNS.
    public static let limit = 4096
    /// BPF_RET | BPF_K: ends with an action.
    static let answer: UInt16 = 0x06
    /// BPF_JMP | BPF_JA: goes on `value` instructions further down.
    static let jump: UInt16 = 0x05

    /// - Parameter bytes: `struct sock_filter`s in this machine's byte order; what follows the last whole one is dropped.
    public init(bytes: [UInt8]) {
        instructions = stride(from: 0, to: bytes.count - bytes.count % 8, by: 8).map { start in
            func number(_ range: Range<Int>) -> UInt32 {
                // Both supported architectures are little-endian.
                range.reversed().reduce(0) { $0 << 8 | UInt32(bytes[start + $1]) }
            }
            return Instruction(
                code: UInt16(number(0..<2)), jumpTrue: bytes[start + 2], jumpFalse: bytes[start + 3],
                value: number(4..<8))
        }
    }

    private init(_ instructions: [Instruction]) { self.instructions = instructions }

    /// As `struct sock_filter`s in this machine's byte order.
    public var bytes: [UInt8] {
        instructions.flatMap { instruction in
            [UInt8(truncatingIfNeeded: instruction.code), UInt8(instruction.code >> 8)]
                + [instruction.jumpTrue, instruction.jumpFalse]
                + (0..<4).map { UInt8(truncatingIfNeeded: instruction.value >> (8 * $0)) }
        }
    }

    /// This program, then `next` wherever this one would have answered `undecided`.
    func continued(by next: FilterProgram, where undecided: UInt32) -> FilterProgram {
        let count = instructions.count
        let open = instructions.enumerated().map { index, instruction in
            guard instruction.code == Self.answer, instruction.value == undecided else { return instruction }
            return Instruction(code: Self.jump, jumpTrue: 0, jumpFalse: 0, value: UInt32(count - index - 1))
        }
        return FilterProgram(open + next.instructions)
    }
}
