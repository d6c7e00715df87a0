// What an archive may ask for at most: a few bytes of gzip can become terabytes.

/// The most that is laid out of one layer. Beyond a limit the archive is refused, and nothing is kept of it.
public struct UnpackLimits: Equatable, Sendable {
    /// Uncompressed bytes, headers included.
    public var bytes: Int64
    public var entries: Int

    /// Bytes on the disk of all layers of one image, as they come and unpacked, with 4 KiB for each file.
    public var imageBytes: Int64
    /// Bytes of the disk that are kept free; nil for what `DiskBudget` finds reasonable.
    public var keptBytes: Int64?

    public init(
        bytes: Int64 = 64 << 30, entries: Int = 2_000_000, imageBytes: Int64 = Self.ordinaryImage,
        keptBytes: Int64? = nil
    ) {
        self.bytes = bytes
        self.entries = entries
        self.imageBytes = imageBytes
        self.keptBytes = keptBytes
    }

    /// Bytes: the largest images there are have a third of it.
    public static let ordinaryImage: Int64 = 128 << 30

    /// The variables of the environment that set them.
    static let bytesVariable = "SANDBOX_MAX_LAYER_BYTES"
    static let keptVariable = "SANDBOX_KEEP_FREE_BYTES"
    static let entriesVariable = "SANDBOX_MAX_LAYER_ENTRIES"

    /// The limits as the environment has them: decimal numbers above 0.
    /// - Parameter environment: the value of a variable, or nil.
    public init(environment: (String) -> String?) throws(MalformedLimit) {
        self.init()
        if let bytes = try Self.number(Self.bytesVariable, environment) { self.bytes = bytes }
        if let bytes = try Self.number(Self.keptVariable, environment) { keptBytes = bytes }
        if let entries = try Self.number(Self.entriesVariable, environment) { self.entries = Int(entries) }
    }

    private static func number(
        _ variable: String, _ environment: (String) -> String?
    ) throws(MalformedLimit) -> Int64? {
        guard let text = environment(variable), !text.isEmpty else { return nil }
        guard let number = Int64(text), number > 0, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }) else {
            throw MalformedLimit(variable: variable, value: text)
        }
        return number
    }
}

/// A variable of the environment that is not the number it must be.
public struct MalformedLimit: Error, Equatable, Sendable, CustomStringConvertible {
    public let variable: String
    public let value: String

    public var description: String {
        "\(variable) is \(shownQuoted(value)), which is no number above 0; give one in plain digits, or unset it"
    }
}
