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

    /// - Parameter milliseconds: nil: waits for ever.
    public mutating func next(within milliseconds: Int?) -> Event {
        while true {
            // In this order: those who ask or write without end must not hold up anything.
            guard let (first, events) = first(within: Int32(clamping: milliseconds ?? -1)) else { return .nothing }
            switch first {
            case 0: return .word
            case 1: if let signal = signals.next() { return .signal(signal) }
            case 2 where events & POLLIN != 0: return .question
            case 2: listener = nil  // Nobody is left under the filter.
            default: return .input(first - 3)
            }
        }
    }

    /// - Returns: which has something, and what; nil where none has in time.
    private func first(within milliseconds: Int32) -> (place: Int, events: Int32)? {
        // No array: the runtime would put a type together for it at each start.
        unsafe withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 3 + inputs.count) { entries in
            func put(_ file: SharedDescriptor?, _ place: Int) {
                // A negative number is passed over (poll(2)).
                let entry = pollfd(fd: file?.raw ?? -1, events: Int16(POLLIN), revents: 0)
                unsafe entries.initializeElement(at: place, to: entry)
            }
            put(initProcess, 0)
            put(signals.file, 1)
            put(listener, 2)
            for index in inputs.indices { put(inputs[index], 3 + index) }
            while true {
                let found = unsafe poll(entries.baseAddress, nfds_t(entries.count), milliseconds)
                if found < 0, errno == EINTR { continue }
                for place in entries.indices {
                    let events = unsafe entries[place].revents
                    if events != 0 { return (place, Int32(events)) }
                }
                return nil
            }
        }
    }
}
