// A file that gets its name when it is whole: what is broken off leaves nothing.

import Foundation
import LinuxSystem

final class AsideFile {
    let file: SharedDescriptor
    private let folder: SharedDescriptor
    /// Where the file system has no unnamed files.
    private var asideName: FileName?

    init(in folder: SharedDescriptor, mode: UInt32 = 0o644) throws(Errno) {
        self.folder = folder
        do throws(Errno) {
            file = SharedDescriptor(try folder.descriptor.makeUnnamedFile(mode: mode))
        } catch .notSupported {
            let name = try Self.newName()
            file = SharedDescriptor(
                try folder.descriptor.open(name, [.readWrite, .create, .exclusive, .noFollow], mode: mode))
            asideName = name
        }
    }

    /// Gives the file its name, in place of what has it.
    func keep(as name: FileName) throws(Errno) {
        if let asideName {
            try folder.descriptor.rename(asideName, to: name, in: folder.descriptor)
            self.asideName = nil
            return
        }
        do throws(Errno) { try file.descriptor.giveName(name, in: folder.descriptor) } catch .exists {
            // linkat(2) replaces nothing; rename(2) does.
            let beside = try Self.newName()
            try file.descriptor.giveName(beside, in: folder.descriptor)
            asideName = beside
            try keep(as: name)
        }
    }

    private static func newName() throws(Errno) -> FileName {
        guard let name = FileName(".tmp-" + UUID().uuidString) else { throw .invalid }
        return name
    }

    deinit {
        guard let asideName else { return }
        // Nothing can be told from here, and the file is hidden and marked as unfinished.
        do throws(Errno) { try folder.descriptor.removeFile(asideName) } catch {}
    }
}
