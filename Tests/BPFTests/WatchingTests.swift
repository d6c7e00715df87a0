// Rewritten programs answer as the first one did, but for the questions.

import Testing

@testable import BPF

/// mount and execve refused, ioctl's second argument looked at, all else allowed; foreign architectures refused.
private let program = FilterProgram([
    .init(Code.load, 4),
    .init(Code.ifEqual, SystemCall.nativeArchitecture, jumpFalse: 7),
    .init(Code.load, 0),
    .init(Code.ifEqual, mount, jumpTrue: 5),
    .init(Code.ifEqual, execve, jumpTrue: 4),
    .init(Code.ifEqual, ioctl, jumpFalse: 2),
    .init(Code.load, 24),
    .init(Code.ifEqual, 0x5412, jumpTrue: 1),
    .init(Code.answer, SeccompAnswer.allow),
    .init(Code.answer, refused),
])
private let refused: UInt32 = 0x0005_0001
private let (mount, execve, ioctl, connect, open): (UInt32, UInt32, UInt32, UInt32, UInt32) = (165, 59, 16, 42, 257)

@Suite struct WatchingTests {
    private func call(_ number: UInt32, _ arguments: UInt64...) -> SystemCall { SystemCall(number: number, arguments) }

    @Test func refusalsBecomeQuestions() throws {
        let told = try #require(program.telling(of: [], exempt: []))
        #expect(told.answer(to: call(mount)) == SeccompAnswer.notify)
        #expect(told.answer(to: call(ioctl, 0, 0x5412)) == SeccompAnswer.notify)
        #expect(told.answer(to: call(ioctl, 0, 0x5413)) == SeccompAnswer.allow)
        #expect(told.answer(to: SystemCall(number: connect, architecture: 3)) == SeccompAnswer.notify)
    }

    @Test func exemptCallsAreAnsweredAsBefore() throws {
        let told = try #require(program.telling(of: [], exempt: [connect, execve, ioctl]))
        #expect(told.answer(to: call(execve)) == refused)
        #expect(told.answer(to: call(ioctl, 0, 0x5412)) == refused)
        #expect(told.answer(to: call(connect)) == SeccompAnswer.allow)
        #expect(told.answer(to: call(mount)) == SeccompAnswer.notify)
    }

    @Test func anExemptCallThatIsNeverRefusedCostsNothing() throws {
        let told = try #require(program.telling(of: [], exempt: [connect]))
        #expect(told.instructions.count == program.instructions.count)
    }

    @Test func watchedCallsAreAskedAboutThoughAllowed() throws {
        let watched = [WatchedCall(open, where: (argument: 2, bits: 3)), WatchedCall(connect)]
        let told = try #require(program.telling(of: watched, exempt: [execve]))
        #expect(told.answer(to: call(connect)) == SeccompAnswer.notify)
        #expect(told.answer(to: call(open, 0, 0, 1)) == SeccompAnswer.notify)
        #expect(told.answer(to: call(open, 0, 0, 0x40)) == SeccompAnswer.allow)
        #expect(told.answer(to: call(execve)) == refused)
        #expect(told.answer(to: call(0)) == SeccompAnswer.allow)
    }

    @Test func allButTheExemptAreAskedAbout() throws {
        let told = try #require(program.tellingOfAll(exempt: [execve, connect]))
        #expect(told.answer(to: call(0)) == SeccompAnswer.notify)
        #expect(told.answer(to: call(mount)) == SeccompAnswer.notify)
        #expect(told.answer(to: call(execve)) == refused)
        #expect(told.answer(to: call(connect)) == SeccompAnswer.allow)
    }

    /// A supervisor can let a call go on or have it fail, and nothing else.
    @Test(arguments: [SeccompAnswer.killProcess, SeccompAnswer.log, 0x0003_0000])
    func whatElseAProgramDoesIsLeftToTheKernel(_ answer: UInt32) throws {
        let ending = FilterProgram([
            .init(Code.load, 0), .init(Code.ifEqual, connect, jumpFalse: 1), .init(Code.answer, answer),
            .init(Code.answer, SeccompAnswer.allow),
        ])
        let told = try #require(ending.telling(of: [WatchedCall(connect), WatchedCall(open)], exempt: []))
        let all = try #require(ending.tellingOfAll(exempt: []))
        for program in [told, all] {
            #expect(program.answer(to: call(connect)) == answer)
            #expect(program.answer(to: call(open)) == SeccompAnswer.notify)
        }
        #expect(all.answer(to: call(0)) == SeccompAnswer.notify)
    }

    @Test func everyAnswerThatArgumentsCanBringIsFound() {
        #expect(program.possibleAnswers(to: ioctl) == [refused, SeccompAnswer.allow])
        #expect(program.possibleAnswers(to: connect) == [SeccompAnswer.allow])
        #expect(program.possibleAnswers(to: mount) == [refused])
    }

    @Test func aProgramThatWouldBeTooLongIsNotMade() {
        let long = FilterProgram(
            Array(repeating: .init(Code.and, 1), count: 3000) + [.init(Code.answer, refused)])
        #expect(long.telling(of: [], exempt: []) != nil)
        #expect(long.telling(of: [], exempt: [0]) == nil)
    }

    @Test func programsComeBackFromTheirBytes() {
        #expect(FilterProgram(bytes: program.bytes) == program)
    }

    /// Rules whose conditions must all hold, in their order; what none of them decides is allowed.
    @Test func rulesAreAnsweredByTheFirstThatApplies() {
        let other: UInt32 = 0x0005_005c
        let rules = [
            CallRule(ioctl, where: [.equals(argument: 1, 6), .equals(argument: 2, 31)], answer: other),
            CallRule(open, where: [.anyBit(argument: 2, 3)], answer: other), CallRule(open, answer: refused),
        ]
        let program = FilterProgram(rules, foreign: refused)
        #expect(program.answer(to: call(ioctl, 0, 6, 31)) == other)
        #expect(program.answer(to: call(ioctl, 0, 0xffff_ffff_0000_0006, 31)) == other)
        #expect(program.answer(to: call(ioctl, 0, 6, 30)) == SeccompAnswer.allow)
        #expect(program.answer(to: call(ioctl, 0, 7, 31)) == SeccompAnswer.allow)
        #expect(program.answer(to: call(open, 0, 0, 2)) == other)
        #expect(program.answer(to: call(open, 0, 0, 4)) == refused)
        #expect(program.answer(to: call(connect)) == SeccompAnswer.allow)
        #expect(program.answer(to: call(connect | 0x4000_0000)) == refused)
        #expect(program.answer(to: SystemCall(number: connect, architecture: 3)) == refused)
    }
}
