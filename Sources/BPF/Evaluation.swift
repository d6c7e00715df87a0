// What a program answers to a call, without its being installed: the kernel's own arithmetic.

/// What a filter looks at: `struct seccomp_data` (seccomp(2)), without the instruction pointer.
public struct SystemCall: Hashable, Sendable {
    public var number: UInt32
    /// AUDIT_ARCH_* of linux/audit.h.
    public var architecture: UInt32
    /// Up to six; those that are missing are 0.
    public var arguments: [UInt64]

    #if arch(x86_64)
    public static let nativeArchitecture: UInt32 = 0xc000_003e
    #elseif arch(arm64)
    public static let nativeArchitecture: UInt32 = 0xc000_00b7
    #endif

    public init(number: UInt32, architecture: UInt32 = nativeArchitecture, _ arguments: [UInt64] = []) {
        self.number = number
        self.architecture = architecture
        self.arguments = arguments
    }

    /// The 32 bits at a byte offset of the structure.
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

extension FilterProgram {
    /// The answer to a call, as SECCOMP_RET_* with its data; nil where an instruction is none that filters for system
    /// calls have, or a jump leads out of the program (the kernel takes no such program).
    public func answer(to call: SystemCall) -> UInt32? {
        var accumulator: UInt32 = 0
        var index = 0
        while index < instructions.count {
            let instruction = instructions[index]
            switch instruction.code {
            case Code.load: accumulator = call.word(at: instruction.value)
            case Code.and: accumulator &= instruction.value
            case Code.jump: index += Int(instruction.value)
            case Code.answer: return instruction.value
            default:
                guard let holds = instruction.holds(accumulator) else { return nil }
                index += Int(holds ? instruction.jumpTrue : instruction.jumpFalse)
            }
            index += 1
        }
        return nil
    }

    /// Every answer that this machine's own call of that number can get, whatever its arguments are.
    func possibleAnswers(to number: UInt32) -> Set<UInt32> {
        let call = SystemCall(number: number)
        var found: Set<UInt32> = []
        // What is still to be looked at; nil stands for a value that depends on an argument.
        var pending: [(index: Int, accumulator: UInt32?)] = [(0, 0)]
        var seen: Set<Int> = []
        while let next = pending.popLast() {
            var (index, accumulator) = next
            while index < instructions.count {
                if accumulator == nil, !seen.insert(index).inserted { break }
                let instruction = instructions[index]
                index += 1
                switch instruction.code {
                case Code.load: accumulator = instruction.value < 8 ? call.word(at: instruction.value) : nil
                case Code.and: accumulator = accumulator.map { $0 & instruction.value }
                case Code.jump: index += Int(instruction.value)
                case Code.answer:
                    found.insert(instruction.value)
                    index = instructions.count
                default:
                    if let accumulator {
                        guard let holds = instruction.holds(accumulator) else { return found }
                        index += Int(holds ? instruction.jumpTrue : instruction.jumpFalse)
                    } else {
                        pending.append((index + Int(instruction.jumpTrue), nil))
                        index += Int(instruction.jumpFalse)
                    }
                }
            }
        }
        return found
    }
}

extension FilterProgram.Instruction {
    /// Whether the condition of a jump holds; nil where this is no conditional jump.
    fileprivate func holds(_ accumulator: UInt32) -> Bool? {
        switch code {
        case Code.ifEqual: accumulator == value
        case Code.ifGreater: accumulator > value
        case Code.ifGreaterOrEqual: accumulator >= value
        case Code.ifAnyBit: accumulator & value != 0
        default: nil
        }
    }
}
