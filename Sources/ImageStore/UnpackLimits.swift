// How much of an archive is believed.

/// The most that one layer may hold: a small archive can unpack to any size.
public struct UnpackLimits: Equatable, Sendable {
    /// Bytes, uncompressed.
    public var bytes: Int64 = 64 << 30

    public init() {}
}
