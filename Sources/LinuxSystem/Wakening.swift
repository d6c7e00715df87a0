// What a supervisor waits for, all at once (poll(2)).

import CLinux
import Glibc

/// Waits for word from the sandbox's init, for signals, and for a filter's questions where there are any.
public struct Wakening: Sendable {
    public enum Event: Sendable {
        /// There is something to read from init, or it is gone.
        case word
        case signal(Signal)
        /// A question has come.
        case question
        /// There is something to read from one of the inputs, by its index, or its end.
        case input(Int)
        /// Nothing came in time.
        case nothing
    }

    private var initProcess: SharedDescriptor?
    private let signals: SignalQueue
    private var listener: SharedDescriptor?
    private var inputs: [SharedDescriptor?]

    /// - Parameter inputs: what else is to be heard of.
    public init(
        _ initProcess: SharedDescriptor, _ signals: SignalQueue, _ listener: SystemCallListener?,
        inputs: [SharedDescriptor]
    ) {
        self.initProcess = initProcess
        self.signals = signals
        self.listener = listener?.file
        self.inputs = inputs
    }

    /// Init has said all that it will.
    public mutating func forgetInit() { initProcess = nil }
    /// That input has nothing more to say.
    public mutating func forgetInput(_ index: Int) { inputs[index] = nil }

    /// A negative number is passed over (poll(2)).
    private static func entry(_ file: SharedDescriptor?) -> pollfd {
        pollfd(fd: file?.raw ?? -1, events: Int16(POLLIN), revents: 0)
    }

    /// - Parameter milliseconds: nil: waits for ever.
    public mutating func next(within milliseconds: Int?) -> Event {
        while true {
            // In this order: those who ask or write without end must not hold up anything.
            var entries = [Self.entry(initProcess), Self.entry(signals.file), Self.entry(listener)]
            for input in inputs { entries.append(Self.entry(input)) }
            let found = unsafe poll(&entries, nfds_t(entries.count), Int32(clamping: milliseconds ?? -1))
            guard found > 0, let first = entries.firstIndex(where: { $0.revents != 0 }) else {
                if found < 0, errno == EINTR { continue }
                return .nothing
            }
            switch first {
            case 0: return .word
            case 1: if let signal = signals.next() { return .signal(signal) }
            case 2 where entries[2].revents & Int16(POLLIN) != 0: return .question
            case 2: listener = nil  // Nobody is left under the filter.
            default: return .input(first - 3)
            }
        }
    }
}
