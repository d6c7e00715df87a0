// Locks on single bytes of a file, which need not be there: one file locks any number of things.

import CLinux
import Glibc

extension Descriptor {
    /// Locks the byte at `offset` for everybody who opened this file himself (fcntl_locking(2), open file description
    /// locks). What is held already is turned into what is asked for. It ends with the last descriptor of this opening.
    /// - Throws: EAGAIN where others hold it and `wait` is false.
    public borrowing func lockByte(at offset: Int64, exclusive: Bool, wait: Bool) throws(Errno) {
        let number = raw
        try call { sb_lock_byte(number, offset, Int16(exclusive ? F_WRLCK : F_RDLCK), wait ? 1 : 0) }
    }

    public borrowing func unlockByte(at offset: Int64) throws(Errno) {
        let number = raw
        try call { sb_lock_byte(number, offset, Int16(F_UNLCK), 0) }
    }
}
