// Reading from a place of one's own, and waiting for input no longer than a limit.

import CLinux
import Glibc

extension Descriptor {
    /// Reads once into `room`, from `offset` on, and moves no position (pread(2)).
    /// - Returns: how many bytes; 0 at the end of the file.
    public borrowing func read(into room: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        let number = raw
        return try call { unsafe pread(number, room.baseAddress, room.count, off_t(offset)) }
    }

    /// Waits until there is something to read here, or the end (poll(2)).
    /// - Returns: false where neither came within `milliseconds`.
    public borrowing func waitForInput(milliseconds: Int32) throws(Errno) -> Bool {
        var entry = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
        return try call { unsafe poll(&entry, 1, milliseconds) } > 0
    }
}
