// A compiled filter, asked about calls by name without being installed.

import BPF
import SandboxPolicy

extension SystemCall {
    /// - Parameter name: a call of x86_64's table.
    init(_ name: String, _ arguments: UInt64...) {
        self.init(
            number: SystemCallTable.x86_64.number(of: name) ?? .max, architecture: 0xc000_003e, arguments)
    }
}

/// An instruction that no filter of libseccomp's has, or a jump out of the program.
struct BadProgram: Error {}

extension FilterProgram {
    func verdict(on call: SystemCall) throws -> UInt32 {
        guard let answer = answer(to: call) else { throw BadProgram() }
        return answer
    }
}
