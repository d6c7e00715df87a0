// Patience: what passes is tried again, and whoever watches is told.

import Foundation
public import SandboxPolicy

/// How long to wait, and how often to try again.
public struct TransferPolicy: Sendable {
    /// Milliseconds until there is a connection, TLS included.
    public var connectLimit = 30_000
    /// Seconds without a byte after which a transfer counts as broken.
    public var stallLimit = 60
    /// Seconds for a whole document or token.
    public var documentLimit = 120
    /// How often a request is made anew after a failure that may pass, without a byte gained in between.
    public var retries = 5
    /// Seconds before the first retry; doubled before each that follows.
    public var firstDelay = 0.5
    /// The most seconds before a retry, whatever a server asks for.
    public var longestDelay = 60.0
    /// Bytes of a piece where a registry refuses a blob in one.
    public var chunk: Int64 = 32 << 20

    public init() {}
}

/// What a pull or push tells while it goes on. Sizes in bytes.
public enum RegistryEvent: Equatable, Sendable {
    /// So much of a blob has been received or sent so far.
    case progress(Digest, Int64)
    /// The registry has this blob already.
    case present(Digest)
    /// A failure that may pass, and the seconds until the next try.
    case retrying(String, seconds: Double)
}

public typealias RegistryEvents = @Sendable (RegistryEvent) -> Void

/// How one try has failed.
enum AttemptFailure: Error {
    /// It may pass. `after`: seconds that the server asks to wait.
    case passing(RegistryError, after: Double?)
    case final(RegistryError)
    /// What the receiver of a stream has thrown.
    case receiver(any Error)

    var error: RegistryError? {
        switch self {
        case .passing(let error, _), .final(let error): error
        case .receiver: nil
        }
    }
}

/// How often something is still tried, and how long it is waited before.
struct Retries {
    private let policy: TransferPolicy
    private let events: RegistryEvents
    private var made = 0

    init(_ policy: TransferPolicy, _ events: @escaping RegistryEvents) {
        self.policy = policy
        self.events = events
    }

    /// There was progress: the count begins anew.
    mutating func reset() { made = 0 }

    /// Waits before the next try: twice as long as before the last, and at a random moment, so that those whom one
    /// failure has hit don't all come back at once.
    /// - Parameter failure: not the receiver's own.
    /// - Throws: the failure, where there is no next try.
    mutating func wait(after failure: AttemptFailure) throws(RegistryError) {
        switch failure {
        case .receiver: preconditionFailure("what a receiver throws is not tried again")
        case .final(let error): throw error
        case .passing(let error, let asked):
            guard made < policy.retries else { throw error }
            let delay = policy.firstDelay * Double(1 << made) * Double.random(in: 0.5...1)
            let seconds = min(max(delay, asked ?? 0), policy.longestDelay)
            made += 1
            events(.retrying(error.description, seconds: seconds))
            Thread.sleep(forTimeInterval: seconds)
        }
    }
}
