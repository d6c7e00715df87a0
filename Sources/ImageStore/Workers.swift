// The same work for several things at once, on threads that may wait.

import Foundation
import Synchronization

enum Workers {
    private struct State: Sendable {
        var next = 0
        var failure: (any Error)?
    }

    /// Runs `body` for every item, up to `count` at once, and returns when all have ended. Once one has failed, no other
    /// begins.
    /// - Throws: what the first failure threw.
    static func run<Item: Sendable>(
        _ items: [Item], atOnce count: Int, _ body: @escaping @Sendable (Item) throws -> Void
    ) throws {
        let state = SharedState()
        let group = DispatchGroup()
        for _ in 0..<min(count, items.count) {
            group.enter()
            Thread {
                while let index = state.take(of: items.count) {
                    do { try body(items[index]) } catch { state.fail(error) }
                }
                group.leave()
            }.start()
        }
        group.wait()
        if let failure = state.failure { throw failure }
    }

    private final class SharedState: Sendable {
        private let state = Mutex(State())

        func take(of count: Int) -> Int? {
            state.withLock {
                guard $0.failure == nil, $0.next < count else { return nil }
                $0.next += 1
                return $0.next - 1
            }
        }

        func fail(_ error: any Error) { state.withLock { $0.failure = $0.failure ?? error } }
        var failure: (any Error)? { state.withLock { $0.failure } }
    }
}
