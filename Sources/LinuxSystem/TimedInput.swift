// Waiting for input no longer than a limit.

import CLinux
import Glibc

extension Descriptor {
    /// Waits until there is something to read here, or the end (poll(2)).
    /// - Returns: false where neither came within `milliseconds`.
    public borrowing func waitForInput(milliseconds: Int32) throws(Errno) -> Bool {
        var entry = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
        return try call { unsafe poll(&entry, 1, milliseconds) } > 0
    }
}
