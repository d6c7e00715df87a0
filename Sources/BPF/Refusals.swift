// Whether a program closes calls, whatever their arguments.

extension FilterProgram {
    /// Whether every one of these calls of this machine's own interface fails.
    public func refuses(_ numbers: [UInt32]) -> Bool {
        numbers.allSatisfy { number in
            possibleAnswers(to: number).allSatisfy {
                SeccompAnswer.errno($0).map { $0 != 0 } ?? ($0 != SeccompAnswer.allow)
            }
        }
    }
}
