// Zstandard (RFC 8878): frames one after the other, skippable ones among them, by libzstd.

import CZstd

@safe final class ZstdStream: Decompressor {
    private var input: PendingInput
    private let stream: OpaquePointer
    /// What ZSTD_decompressStream answers: 0 where a frame is whole.
    private var wanted = 0

    init(_ source: any CompressedBytes) {
        input = PendingInput(source)
        // Its window has libzstd's limit of 128 MiB: a frame can't take more memory than that.
        guard let stream = unsafe ZSTD_createDStream() else { preconditionFailure("no memory") }
        unsafe self.stream = unsafe stream
    }

    deinit { unsafe ZSTD_freeDStream(stream) }

    func read(into room: UnsafeMutableRawBufferPointer) throws(DecompressionError) -> Int {
        while true {
            let hasMore = try input.fill()
            if !hasMore, wanted == 0 { return 0 }
            var from = unsafe ZSTD_inBuffer(src: input.rest.baseAddress, size: input.rest.count, pos: 0)
            var to = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
            wanted = unsafe ZSTD_decompressStream(stream, &to, &from)
            if ZSTD_isError(wanted) != 0 {
                throw .damaged(unsafe "zstd: " + String(cString: ZSTD_getErrorName(wanted)))
            }
            unsafe input.use(from.pos)
            if unsafe to.pos > 0 { return unsafe to.pos }
            if !hasMore { throw .truncated }
        }
    }
}
