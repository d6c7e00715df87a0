// Tests that mostly wait, for a time limit or for a server's second chance: beside those that keep the machine busy.

import Foundation
public import Testing

/// Runs the tests of a suite on threads of their own. As many tests run at once as the machine has processors, and a test
/// that sleeps on one of those threads leaves a processor idle.
public struct Waiting: SuiteTrait, TestScoping {
    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(WaitingRoom.shared) { try await function() }
    }
}

extension Trait where Self == Waiting {
    /// What the tests of this suite do is wait.
    public static var waiting: Self { Waiting() }
}

private final class WaitingRoom: TaskExecutor {
    static let shared = WaitingRoom()

    private let queue = OperationQueue()

    init() { queue.maxConcurrentOperationCount = 4 }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.addOperation { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
