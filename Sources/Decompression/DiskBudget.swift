// What unpacking may put on a disk: a few bytes of gzip can become terabytes, and nobody else works on a full one.

public import LinuxSystem
import Synchronization

/// How much may be written, and how much of the disk stays free. For any number of threads.
public final class DiskBudget: Sendable {
    public enum Shortage: Error, Equatable, Sendable {
        /// More than this many bytes.
        case tooMuch(Int64)
        /// Bytes that are free, and those that are kept so.
        case tooLittleLeft(free: Int64, kept: Int64)
    }

    private let folder: SharedDescriptor
    private let limit: Int64
    private let kept: Int64?
    private let taken = Atomic<Int64>(0)

    /// The disk is looked at once in so many bytes.
    private static let step: Int64 = 16 << 20

    /// - Parameters:
    ///   - folder: on the disk that is written to.
    ///   - limit: bytes.
    ///   - kept: bytes that stay free; nil for a fiftieth of the disk, half a gibibyte at most.
    public init(_ folder: String, limit: Int64, kept: Int64?) throws(Errno) {
        self.folder = SharedDescriptor(try .open(folder, [.path, .directory]))
        self.limit = limit
        self.kept = kept
    }

    /// To be told before or soon after so many bytes are written.
    public func take(_ bytes: Int64) throws(Shortage) {
        let total = taken.wrappingAdd(bytes, ordering: .relaxed).newValue
        if total > limit { throw .tooMuch(limit) }
        guard total / Self.step != (total - bytes) / Self.step else { return }
        // A disk that does not tell is written to until it is full.
        let disk: DiskSpace
        do throws(Errno) { disk = try folder.descriptor.diskSpace() } catch { return }
        let kept = kept ?? min(512 << 20, disk.size / 50)
        if disk.free < kept { throw .tooLittleLeft(free: disk.free, kept: kept) }
        // Files can run out before bytes do.
        if disk.files > 0, disk.freeFiles < disk.files / 100 { throw .tooLittleLeft(free: 0, kept: kept) }
    }
}
