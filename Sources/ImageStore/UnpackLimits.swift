// How much of an archive is believed.

/// The most that one layer may hold: a small archive can unpack to any size.
public struct UnpackLimits: Equatable, Sendable {
    /// Bytes, uncompressed.
    public var bytes: Int64 = 64 << 30

    public init() {}

    /// - Parameter environment: `SANDBOX_MAX_LAYER_BYTES`, where it is set.
    public init(_ environment: [String: String]) throws(ImageStoreError) {
        guard let text = environment["SANDBOX_MAX_LAYER_BYTES"] else { return }
        guard let bytes = Int64(text), bytes > 0 else { throw .badLimit("SANDBOX_MAX_LAYER_BYTES", text) }
        self.bytes = bytes
    }
}
