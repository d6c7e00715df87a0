// gzip (RFC 1952): members one after the other, by ISA-L where it was there at build time, else by zlib.

import CZlib
import Glibc

#if HAS_ISAL
import CIsal
#endif

/// What inflates the members of a gzip file.
enum GzipEngine: CaseIterable {
    #if HAS_ISAL
    case isal
    #endif
    case zlib

    /// The fastest that is there.
    static var preferred: GzipEngine {
        #if HAS_ISAL
        .isal
        #else
        .zlib
        #endif
    }

    fileprivate var inflater: any MemberInflater {
        switch self {
        #if HAS_ISAL
        case .isal: IsalInflater()
        #endif
        case .zlib: ZlibInflater()
        }
    }
}

/// Header, content and sum of one gzip member after the other.
private protocol MemberInflater: AnyObject {
    /// Starts over with the next member.
    func reset()
    /// Uncompresses as far as input and output reach.
    func step(
        _ input: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer
    ) throws(DecompressionError) -> InflateStep
}

private struct InflateStep {
    let used: Int
    let made: Int
    /// Whether the member ends here, with the right sum.
    let isEnd: Bool
}

final class GzipStream: Decompressor {
    private var input: PendingInput
    private let inflater: any MemberInflater
    private var place = Place.inMember

    private enum Place { case inMember, between, padding }

    init(_ source: any CompressedBytes, _ engine: GzipEngine) {
        input = PendingInput(source)
        inflater = engine.inflater
    }

    func read(into room: UnsafeMutableRawBufferPointer) throws(DecompressionError) -> Int {
        while true {
            let hasMore = try input.fill()
            switch place {
            case .inMember:
                // What is left of the output may want no input.
                let step = unsafe try inflater.step(input.rest, into: room)
                input.use(step.used)
                place = step.isEnd ? .between : .inMember
                if step.made > 0 { return step.made }
                if step.isEnd { continue }
                if !hasMore { throw .truncated }
                if step.used == 0 { throw .damaged("its compressed content leads nowhere") }
            case .between:
                guard hasMore else { return 0 }
                inflater.reset()
                place = unsafe input.rest.first == 0 ? .padding : .inMember
            case .padding:
                // As tar(1) pads what it writes to a tape.
                guard hasMore else { return 0 }
                guard unsafe input.rest.allSatisfy({ $0 == 0 }) else {
                    throw .damaged("what follows the compressed stream is neither gzip nor zeros")
                }
                unsafe input.use(input.rest.count)
            }
        }
    }
}

#if HAS_ISAL
/// Several times as fast as zlib.
@safe private final class IsalInflater: MemberInflater {
    private let state: UnsafeMutableRawPointer

    init() {
        guard let state = unsafe sb_gunzip_new() else { preconditionFailure("no memory") }
        unsafe self.state = unsafe state
    }

    deinit { unsafe free(state) }

    func reset() { unsafe sb_gunzip_reset(state) }

    func step(
        _ input: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer
    ) throws(DecompressionError) -> InflateStep {
        let given = UInt32(clamping: input.count)
        let wanted = UInt32(clamping: room.count)
        var unused = given
        var free = wanted
        let status = unsafe sb_gunzip_step(
            state, input.baseAddress?.assumingMemoryBound(to: UInt8.self), &unused,
            room.baseAddress?.assumingMemoryBound(to: UInt8.self), &free)
        switch status {
        case 0, 1: return InflateStep(used: Int(given - unused), made: Int(wanted - free), isEnd: status == 1)
        case ISAL_INCORRECT_CHECKSUM: throw .damaged("its check sum does not fit its content")
        case ISAL_INVALID_WRAPPER, ISAL_UNSUPPORTED_METHOD: throw .damaged("it has no gzip header where one must be")
        default: throw .damaged("its compressed content breaks the rules of deflate")
        }
    }
}
#endif

@safe private final class ZlibInflater: MemberInflater {
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

    init() {
        unsafe stream.initialize(to: z_stream())
        guard unsafe sb_inflate_init_gzip(stream) == Z_OK else { preconditionFailure("no memory") }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    func reset() { unsafe inflateReset(stream) }

    func step(
        _ input: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer
    ) throws(DecompressionError) -> InflateStep {
        let given = UInt32(clamping: input.count)
        let wanted = UInt32(clamping: room.count)
        unsafe stream.pointee.next_in = unsafe UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.pointee.avail_in = given
        unsafe stream.pointee.next_out = unsafe room.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = wanted
        let status = unsafe inflate(stream, Z_NO_FLUSH)
        switch status {
        // No progress was possible: there is no input.
        case Z_OK, Z_STREAM_END, Z_BUF_ERROR:
            return unsafe InflateStep(
                used: Int(given - stream.pointee.avail_in), made: Int(wanted - stream.pointee.avail_out),
                isEnd: status == Z_STREAM_END)
        default:
            throw .damaged(
                unsafe stream.pointee.msg.map { unsafe "deflate: " + String(cString: $0) } ?? "it is no gzip")
        }
    }
}
