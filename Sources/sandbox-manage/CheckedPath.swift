// Paths on the command line of the manager, which must not lead where a sandbox has turned them.

import Launcher
import LinuxSystem
import SandboxPolicy

/// Where `word` leads, without links. One that can't be resolved is given back as it is, for its user to say why.
/// - Parameter mayBeMissing: it is to be made.
/// - Throws: `PathRefusal` where a link in a folder that a sandbox could write leads out of that folder.
func checkedPath(_ word: String, _ places: Places, mayBeMissing: Bool = false) throws -> String {
    // A pipe of this process's own, as the shell makes it for `<(…)`, leads nowhere.
    do throws(Errno) { if try Descriptor.ownPipe(word) != nil { return word } } catch { return word }
    let path: HostPath
    do throws(Errno) { path = try HostPath.resolve(word, mayBeMissing: mayBeMissing) } catch {
        // The kernel would follow it.
        if error == .anothersLink { throw PathRefusal("\(quoted(word)): \(error)") }
        return word
    }
    var shown = ShownFolders(places)
    try shown.check(path, quoted(word))
    return path.links.isEmpty ? word : path.place
}
