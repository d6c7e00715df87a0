// Settings and credentials for registries: read only where nobody else could have written them.

import LinuxSystem

enum BelievedFile {
    /// - Throws: `badConfiguration` where somebody else has a hand in the file. One that is not there is whoever's who
    ///   reads it next.
    static func check(_ file: String) throws(RegistryError) {
        var path = file
        if path.utf8.first != UInt8(ascii: "/") {
            do throws(Errno) { path = try Process.currentFolder() + "/" + file } catch { return }
        }
        // The machine's own. Inside another sandbox they show the id of nobody.
        if ["/etc/", "/usr/"].contains(where: { path.utf8.starts(with: $0.utf8) }) { return }
        guard let reason = FileStatus.stranger(of: path) else { return }
        throw .badConfiguration(
            file: file, line: nil, "it \(reason), who could choose where images come from; make it yours alone")
    }
}
