// Waking a thread that waits for input.

import CLinux
import Glibc

/// A signal from one thread to others, given once and for good (eventfd(2)).
public struct Event: Sendable {
    fileprivate let file: SharedDescriptor

    public init() throws(Errno) {
        file = SharedDescriptor(Descriptor(owning: try call { eventfd(0, Int32(SB_EFD_CLOEXEC)) }))
    }

    /// Ends every wait for it, now and later.
    public func signal() {
        // Can fail only where the count is near its end, which is a signal already.
        do throws(Errno) { try file.descriptor.write([1, 0, 0, 0, 0, 0, 0, 0]) } catch {}
    }
}

extension Descriptor {
    /// Waits until there is something to read here, or the end (poll(2)).
    /// - Returns: false where `event` has been signalled.
    public borrowing func waitForInput(unless event: Event) throws(Errno) -> Bool {
        var entries = [
            pollfd(fd: raw, events: Int16(POLLIN), revents: 0),
            pollfd(fd: event.file.raw, events: Int16(POLLIN), revents: 0),
        ]
        try call { unsafe poll(&entries, 2, -1) }
        return entries[1].revents == 0
    }
}
