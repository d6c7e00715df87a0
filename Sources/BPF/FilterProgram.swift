// A classic BPF program as seccomp(2) takes it.

/// Instructions of a filter, in order (linux/filter.h).
public struct FilterProgram: Equatable, Sendable {
    /// `struct sock_filter`.
    public struct Instruction: Equatable, Sendable {
        public let code: UInt16
        public let jumpTrue: UInt8
        public let jumpFalse: UInt8
        public let value: UInt32

        init(_ code: UInt16, _ value: UInt32, jumpTrue: UInt8 = 0, jumpFalse: UInt8 = 0) {
            self.code = code
            self.jumpTrue = jumpTrue
            self.jumpFalse = jumpFalse
            self.value = value
        }
    }

    public let instructions: [Instruction]

    /// BPF_MAXINSNS.
    public static let limit = 4096

    /// - Parameter bytes: `struct sock_filter`s in this machine's byte order; what follows the last whole one is dropped.
    public init(bytes: [UInt8]) {
        instructions = stride(from: 0, to: bytes.count - bytes.count % 8, by: 8).map { start in
            // Both supported architectures are little-endian.
            func half(_ offset: Int) -> UInt16 {
                UInt16(bytes[start + offset]) | UInt16(bytes[start + offset + 1]) << 8
            }
            return Instruction(
                half(0), UInt32(half(4)) | UInt32(half(6)) << 16, jumpTrue: bytes[start + 2],
                jumpFalse: bytes[start + 3])
        }
    }

    init(_ instructions: [Instruction]) { self.instructions = instructions }

    /// Lets every call pass.
    public static let allowingAll = FilterProgram([Instruction(Code.answer, SeccompAnswer.allow)])

    /// As `struct sock_filter`s in this machine's byte order.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(instructions.count * 8)
        for instruction in instructions {
            bytes.append(UInt8(truncatingIfNeeded: instruction.code))
            bytes.append(UInt8(instruction.code >> 8))
            bytes.append(instruction.jumpTrue)
            bytes.append(instruction.jumpFalse)
            for shift in [0, 8, 16, 24] as [UInt32] {
                bytes.append(UInt8(truncatingIfNeeded: instruction.value >> shift))
            }
        }
        return bytes
    }

    /// This program, then `next` wherever this one would have answered `undecided`.
    public func continued(by next: FilterProgram, where undecided: UInt32) -> FilterProgram {
        let count = instructions.count
        let open = instructions.enumerated().map { index, instruction in
            guard instruction.code == Code.answer, instruction.value == undecided else { return instruction }
            return Instruction(Code.jump, UInt32(count - index - 1))
        }
        return FilterProgram(open + next.instructions)
    }
}

/// The operations that filters for system calls are made of (linux/bpf_common.h).
enum Code {
    /// BPF_LD | BPF_W | BPF_ABS: 32 bits of `struct seccomp_data`.
    static let load: UInt16 = 0x20
    /// BPF_ALU | BPF_AND | BPF_K.
    static let and: UInt16 = 0x54
    /// BPF_JMP | BPF_JA: goes on `value` instructions further down.
    static let jump: UInt16 = 0x05
    /// BPF_JMP | BPF_JEQ | BPF_K, and so on.
    static let ifEqual: UInt16 = 0x15
    static let ifGreater: UInt16 = 0x25
    static let ifGreaterOrEqual: UInt16 = 0x35
    static let ifAnyBit: UInt16 = 0x45
    /// BPF_RET | BPF_K: ends with an action.
    static let answer: UInt16 = 0x06
}

/// Actions of seccomp(2), as a program returns them: SECCOMP_RET_* with their data.
public enum SeccompAnswer {
    public static let allow: UInt32 = 0x7fff_0000
    public static let log: UInt32 = 0x7ffc_0000
    public static let notify: UInt32 = 0x7fc0_0000
    public static let killProcess: UInt32 = 0x8000_0000

    static func isAllowedOrRefused(_ answer: UInt32) -> Bool { answer == allow || errno(answer) != nil }

    /// The call fails with `errno`, or seems to have succeeded where that is 0.
    public static func refusal(_ errno: Int32) -> UInt32 { 0x0005_0000 | UInt32(errno) }

    /// The errno that `answer` refuses a call with; 0 is success without the call. nil where it is another action.
    public static func errno(_ answer: UInt32) -> Int32? {
        answer & 0xffff_0000 == 0x0005_0000 ? Int32(answer & 0xffff) : nil
    }
}
