// Where an archive goes: a file that appears when it is whole, or a descriptor such as standard output.

public import LinuxSystem

/// What the writers of archives write to.
public final class ArchiveOutput {
    /// What the user called it, for messages.
    let name: String
    let file: SharedDescriptor
    private let aside: AsideFile?
    private let place: FileName?

    /// To an open descriptor, a pipe or a file, from where it is on.
    /// - Parameter name: for messages.
    public init(_ descriptor: SharedDescriptor, name: String) {
        self.name = name
        file = descriptor
        (aside, place) = (nil, nil)
    }

    /// To the file at `path`, which is replaced when the archive is whole, and left as it is when it never is. A device
    /// or a pipe of that name is written to.
    /// - Throws: `.writing`.
    public init(file path: String) throws(LayoutError) {
        name = path
        do throws(Errno) {
            let target = try Self.target(path)
            if let target, target.kind != .regular {
                if target.kind == .directory { throw .isDirectory }
                file = SharedDescriptor(try Descriptor.open(path, [.writeOnly, .noControllingTerminal]))
                (aside, place) = (nil, nil)
                return
            }
            // A link stays: what it leads to is replaced.
            let whole = target == nil ? path : try Files.canonical(path)
            let slash = whole.lastIndex(of: "/")
            let folder = slash.map { whole[...$0] } ?? "."
            guard let place = FileName(String(slash.map { whole[whole.index(after: $0)...] } ?? whole[...])) else {
                throw .isDirectory
            }
            let opened = SharedDescriptor(try Descriptor.open(String(folder), [.path, .directory]))
            // One that was closed to others stays so.
            let aside = try AsideFile(in: opened, mode: target.map { $0.permissions & 0o666 } ?? 0o644)
            (self.aside, self.place, file) = (aside, place, aside.file)
        } catch { throw .writing(path, error) }
    }

    private static func target(_ path: String) throws(Errno) -> FileStatus? {
        do throws(Errno) { return try FileStatus.of(path) } catch .noEntry { return nil }
    }

    /// Gives a file its name.
    func keep() throws(LayoutError) {
        guard let aside, let place else { return }
        do throws(Errno) { try aside.keep(as: place) } catch { throw .writing(name, error) }
    }
}

/// The common part of the writers: entries that are the same for the same images, each blob once.
final class ArchiveEntries {
    private let output: ArchiveOutput
    private let stream: TarStream
    private var written: Set<String> = []

    init(_ output: ArchiveOutput) {
        self.output = output
        stream = TarStream(output.file)
    }

    func folder(_ path: String) throws(LayoutError) {
        try attempt { () throws(Errno) in
            try stream.begin(TarStreamEntry(path: Array(path.utf8), kind: .folder, permissions: 0o755))
        }
    }

    /// Writes a file, unless one of that path was written.
    func file(_ path: String, _ content: [UInt8]) throws(LayoutError) {
        guard written.insert(path).inserted else { return }
        try attempt { () throws(Errno) in
            try begin(path, Int64(content.count))
            var done = 0
            while done < content.count {
                done += try stream.write(upTo: Int64(content.count - done)) { room in
                    room.copyBytes(from: content[done..<(done + room.count)])
                    return room.count
                }
            }
            try stream.pad()
        }
    }

    /// The same with the content of a slice; `source` names that in messages.
    func file(_ path: String, _ content: FileSlice, from source: String) throws {
        guard written.insert(path).inserted else { return }
        try attempt { () throws(Errno) in try begin(path, content.size) }
        try content.copy(from: source) { bytes in
            try attempt { () throws(Errno) in try stream.write(bytes) }
        }
        try attempt { () throws(Errno) in try stream.pad() }
    }

    /// Ends the archive, and gives its file the name.
    func end() throws(LayoutError) {
        try attempt { () throws(Errno) in try stream.end() }
        try output.keep()
    }

    private func begin(_ path: String, _ size: Int64) throws(Errno) {
        try stream.begin(TarStreamEntry(path: Array(path.utf8), kind: .file(size: size)))
    }

    private func attempt(_ body: () throws(Errno) -> Void) throws(LayoutError) {
        do throws(Errno) { try body() } catch { throw .writing(output.name, error) }
    }
}
