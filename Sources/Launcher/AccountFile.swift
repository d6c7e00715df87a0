// Lines of fields with colons between: passwd(5), group(5), subuid(5). They are read as bytes: they can be long, and an
// image's own can hold anything.

import LaunchPlan
import LinuxSystem

/// One line, without its end.
struct FieldLine {
    private let bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    /// Empty where the line has no such field.
    subscript(_ wanted: Int) -> ArraySlice<UInt8> {
        var rest = bytes
        for _ in 0..<wanted {
            guard let colon = rest.firstIndex(of: UInt8(ascii: ":")) else { return [] }
            rest = rest[(colon + 1)...]
        }
        return rest.prefix { $0 != UInt8(ascii: ":") }
    }

    /// A number of 32 bits; nil where the field is anything else.
    func number(_ field: Int) -> UInt32? {
        let digits = self[field]
        var value: UInt64 = 0
        for digit in digits {
            guard (48...57).contains(digit) else { return nil }
            value = value * 10 + UInt64(digit - 48)
            if value > UInt32.max { return nil }
        }
        return digits.isEmpty ? nil : UInt32(value)
    }
}

/// A file of the root that this process is already in.
enum AccountFile: String {
    case users = "/etc/passwd"
    case groups = "/etc/group"

    static let mostBytes = 64 << 20
    static let longestLine = 1 << 20

    /// Hands on line after line until `body` answers true; none where there is no such regular file.
    func search(_ body: (FieldLine) throws(LaunchFailure) -> Bool) throws(LaunchFailure) {
        guard let file = opened() else { return }
        do throws(Errno) { if try file.descriptor.status().size > Self.mostBytes { throw .tooBig } } catch {
            throw failure(error)
        }
        var held: [UInt8] = []
        var total = 0
        while true {
            let piece: [UInt8]
            do throws(Errno) { piece = try file.descriptor.read(upTo: 1 << 16) } catch { throw failure(error) }
            total += piece.count
            if total > Self.mostBytes || held.count > Self.longestLine { throw failure(.tooBig) }
            held += piece
            var start = 0
            while let end = held[start...].firstIndex(of: UInt8(ascii: "\n")) {
                if try body(FieldLine(held[start..<end])) { return }
                start = end + 1
            }
            if piece.isEmpty {
                if start < held.count { _ = try body(FieldLine(held[start...])) }
                return
            }
            held.removeFirst(start)
        }
    }

    func failure(_ errno: Errno) -> LaunchFailure { LaunchFailure(.user, errno: errno.rawValue, object: rawValue) }

    private func opened() -> SharedDescriptor? {
        do throws(Errno) {
            let root = try Descriptor.open("/", [.path, .directory])
            // A fifo must not make this wait, nor a terminal become this process's own.
            let file = try root.openInRoot(rawValue, [.readOnly, .nonBlocking, .noControllingTerminal])
            return try file.status().kind == .regular ? SharedDescriptor(file) : nil
        } catch { return nil }
    }
}
