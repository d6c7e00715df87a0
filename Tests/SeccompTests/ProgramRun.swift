// A small machine for classic BPF, so that a compiled filter can be asked about any call without being installed.

import CSeccomp
import Seccomp

/// What a filter looks at: `struct seccomp_data` (seccomp(2)).
struct SystemCall {
    var number: UInt32
    var architecture: UInt32 = 0xc000_003e  // AUDIT_ARCH_X86_64
    var arguments: [UInt64] = []

    /// - Parameter name: a call of x86_64's table.
    init(_ name: String, _ arguments: UInt64...) {
        self.init(number: UInt32(bitPattern: seccomp_syscall_resolve_name_arch(0xc000_003e, name)), arguments)
    }

    init(number: UInt32, architecture: UInt32 = 0xc000_003e, _ arguments: [UInt64] = []) {
        self.number = number
        self.architecture = architecture
        self.arguments = arguments
    }

    /// The 32 bits at a byte offset of the structure; the instruction pointer is 0.
    func word(at offset: UInt32) -> UInt32 {
        switch offset {
        case 0: return number
        case 4: return architecture
        case 16..<64:
            let index = Int(offset - 16) / 8
            let argument = index < arguments.count ? arguments[index] : 0
            return UInt32(truncatingIfNeeded: offset % 8 == 0 ? argument : argument >> 32)
        default: return 0
        }
    }
}

/// An instruction that no filter of libseccomp's has, or a jump out of the program.
struct BadProgram: Error { let instruction: Int }

extension FilterProgram {
    /// The answer to a call, as SECCOMP_RET_* with its data.
    func answer(to call: SystemCall) throws -> UInt32 {
        var accumulator: UInt32 = 0
        var index = 0
        while instructions.indices.contains(index) {
            let (code, value) = (instructions[index].code, instructions[index].value)
            func jump(_ condition: Bool) -> Int {
                Int(condition ? instructions[index].jumpTrue : instructions[index].jumpFalse)
            }
            switch code {
            case 0x20: accumulator = call.word(at: value)  // BPF_LD | BPF_W | BPF_ABS
            case 0x54: accumulator &= value  // BPF_ALU | BPF_AND | BPF_K
            case 0x05: index += Int(value)  // BPF_JMP | BPF_JA
            case 0x15: index += jump(accumulator == value)  // BPF_JMP | BPF_JEQ | BPF_K
            case 0x25: index += jump(accumulator > value)  // BPF_JMP | BPF_JGT | BPF_K
            case 0x35: index += jump(accumulator >= value)  // BPF_JMP | BPF_JGE | BPF_K
            case 0x45: index += jump(accumulator & value != 0)  // BPF_JMP | BPF_JSET | BPF_K
            case 0x06: return value  // BPF_RET | BPF_K
            default: throw BadProgram(instruction: index)
            }
            index += 1
        }
        throw BadProgram(instruction: index)
    }
}
