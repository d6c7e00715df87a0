// A folder of changes that the user chose, with `--upper DIR`: removed with all that lies beside it.

public import LinuxSystem
public import SandboxPolicy

public struct KeptUpper {
    private let path: HostPath
    private let record: String
    private let places: Places

    /// - Throws: `.notAnUpper` where no sandbox has kept changes there; `.system` where it can't be looked at.
    public init(_ path: HostPath, _ places: Places) throws(ImageStoreError) {
        self.path = path
        self.places = places
        guard let status = path.status, status.kind == .directory, status.owner == Process.effectiveUser else {
            throw .notAnUpper(path.given)
        }
        record = places.upperRecord(device: status.device, inode: status.inode)
        let words = Files.content(record, limit: 16 << 20).map(Words.split)
        let isKnown = words?.first == path.place || Files.isAccessible(Places.besideUpper(path.place) + "/work", 0)
        guard isKnown else { throw .notAnUpper(path.given) }
    }

    /// What a sandbox uses stays.
    public func remove() throws(ImageStoreError) {
        do throws(Errno) {
            try Files.makeDirectories(places.data)
            let lock = try Descriptor.open(places.lock, [.readWrite, .create, .noFollow], mode: 0o600)
            // Held until it is gone: nobody starts on it meanwhile.
            do throws(Errno) {
                try lock.lockByte(at: Places.lockOffset(of: record), exclusive: true, wait: false)
            } catch .access { throw .wouldBlock }
            for folder in [path.place, Places.besideUpper(path.place)] {
                do throws(Errno) { try Files.removeTree(folder) } catch .noEntry {}
            }
            do throws(Errno) { try Files.remove(record) } catch .noEntry {}
        } catch .wouldBlock { throw .sandboxInUse(path.given) } catch { throw .system("remove", path.given, error) }
    }
}
