// Which command holds itself to what. To be called once the process has its ids, and before its first thread.

import Confinement
import ImageFormat
import ImageStore
import LinuxSystem
import Registry
import SandboxPolicy

enum Confined {
    /// Fills the store, and reads `inputs`: files or folders of the user's, `-` for standard input.
    static func toStore(_ places: Places, reading inputs: [String] = []) throws(ConfinementError) {
        try enter(Confinement(writing: parts(of: places), reading: .only(inputs.filter { $0 != "-" })))
    }

    /// The same with images of registries for inputs.
    static func toStore(_ places: Places, pullingBy configuration: RegistryConfiguration) throws(ConfinementError) {
        try enter(
            Confinement(
                writing: parts(of: places), reading: .only(configuration.filesReadLater), hasNetwork: true))
    }

    /// Writes one file of a cache, and reads what files of settings lead to.
    static func toCache(_ file: String) throws(ConfinementError) {
        let folder = file.lastIndex(of: "/").map { String(file[..<$0]) }
        try enter(Confinement(writing: folder.map { [$0] } ?? ["."], reading: .anything))
    }

    /// Prints, and writes nothing.
    static func toReading() throws(ConfinementError) {
        try enter(Confinement(writing: [], reading: .anything))
    }

    /// Each, because a user may have put one of them on another disk by a link.
    private static func parts(of places: Places) -> [String] {
        [places.data, places.images, places.blobs, places.layers, places.setup]
    }

    private static func enter(_ confinement: Confinement) throws(ConfinementError) {
        do throws(Errno) { try confinement.enter() } catch { throw ConfinementError(errno: error) }
    }
}

struct ConfinementError: Error, CustomStringConvertible {
    let errno: Errno
    var description: String {
        "can't limit this process to what it needs before it reads files of others: \(errno); "
            + "is it started within many layers of Landlock or seccomp?"
    }
}
