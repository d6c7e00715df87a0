// How a sandbox ended, as init tells the launcher.

import LinuxSystem

enum Ending: Equatable {
    /// With its command: the status as a shell reports it.
    case command(Int32)
    /// By its time limit.
    case limit

    var status: Int32 {
        switch self {
        case .command(let status): status
        case .limit: Supervisor.timeoutStatus
        }
    }

    /// Two bytes: whether it was the limit, and the status.
    var encoded: [UInt8] { [self == .limit ? 1 : 0, UInt8(truncatingIfNeeded: status)] }

    init?(encoded: [UInt8]) {
        guard encoded.count == 2 else { return nil }
        self = encoded[0] == 1 ? .limit : .command(Int32(encoded[1]))
    }
}

/// When a command is to end. Time that only goes forward, also while the launcher is stopped.
struct Limit {
    /// In the milliseconds of `Clock`.
    private let due: Int
    /// The command has been asked to end.
    let isReached: Bool

    init(due: Int) { self.init(due: due, isReached: false) }

    private init(due: Int, isReached: Bool) {
        self.due = due
        self.isReached = isReached
    }

    /// Milliseconds.
    var left: Int { max(0, due - Clock.milliseconds) }
    var isDue: Bool { left == 0 }
    /// Until the command is ended after it was asked to.
    var withGrace: Limit { Limit(due: due + Supervisor.grace, isReached: true) }
}
