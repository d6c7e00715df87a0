// What of the machine's configuration is shown as id 0's. Most machines have none of it: one look at a folder.

import LaunchPlan
import LinuxSystem

extension Facts {
    mutating func readRootOwned() {
        var paths = RootOwnedFile.files
        for folder in RootOwnedFile.folders {
            do throws(Errno) {
                let names = try Descriptor.open(folder, [.readOnly, .directory]).names()
                paths += names.filter { $0.hasSuffix(".conf") }.sorted().map { folder + "/" + $0 }
            } catch {}  // There is none, or it is not shown to this user: then inside neither.
        }
        for path in paths.prefix(RootOwnedFile.mostFiles) {
            do throws(Errno) {
                // A link's target, as ssh(1) reads it. Root's alone: what others own is for the reader to refuse. And open to
                // all, as the copy is.
                guard let file = try Descriptor.openRegular(path) else { continue }
                let status = try file.status()
                guard status.owner == 0, status.permissions & 0o004 != 0 else { continue }
                let bytes = try file.readAll(limit: RootOwnedFile.mostBytes)
                if let content = String(validating: bytes, as: UTF8.self) {
                    rootOwned.append(RootOwnedFile(path: path, content: content))
                }
            } catch {}
        }
    }
}
