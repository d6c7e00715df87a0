// Files that the caller handed in to be added to, as `>>log` does. The command gets a pipe, and the launcher adds what
// comes by it: so that nothing inside has the file, to empty it, write over it or change its mode, and `>/dev/stderr`
// does what a script means by it.

import LinuxSystem

struct AppendedFiles {
    /// A pipe for each open file, and the descriptors that stand for it.
    private var pipes: [(numbers: [Int32], ends: PipeEnds)] = []

    init() throws(Errno) {
        for number: Int32 in 0...2 where StandardDescriptors.isAppending(number) {
            let place = pipes.firstIndex { StandardDescriptors.areSame($0.numbers[0], number) }
            if let place { pipes[place].numbers.append(number) } else { pipes.append(([number], try PipeEnds())) }
        }
    }

    /// In the child: puts the pipes in the place of the files.
    func handOver() throws(Errno) {
        for pipe in pipes {
            for number in pipe.numbers { try pipe.ends.both().writer.descriptor.becomeStandard(number) }
        }
    }

    /// In the launcher: what is to be added, and where.
    mutating func keepReaders() throws(Errno) -> [Appending] {
        var kept: [Appending] = []
        for index in pipes.indices {
            let reader = pipes[index].ends.keepReader()
            try reader.descriptor.setNonBlocking()
            kept.append(Appending(reader: reader, file: pipes[index].numbers[0]))
        }
        pipes = []
        return kept
    }
}

/// One pipe, and the file that the launcher has for it.
final class Appending {
    /// nil once nothing more can be added: then the command's writing fails too.
    private(set) var reader: SharedDescriptor?
    private let file: Int32
    /// What kept the file from being written to.
    private(set) var failure: Errno?

    init(reader: SharedDescriptor, file: Int32) {
        self.reader = reader
        self.file = file
    }

    /// Adds what has come.
    /// - Returns: false where there is nothing now, or nothing will come any more.
    @discardableResult
    func pass() -> Bool {
        guard let reader else { return false }
        let bytes: [UInt8]
        do throws(Errno) { bytes = try reader.descriptor.read(upTo: 64 * 1024) } catch { return false }
        do throws(Errno) { try StandardDescriptors.write(file, bytes) } catch { failure = error }
        if bytes.isEmpty || failure != nil { self.reader = nil }
        return self.reader != nil
    }

    /// Adds what is left when nobody is left to write more.
    func passRest() { while pass() {} }
}
