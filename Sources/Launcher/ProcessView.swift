// What a process inside means by its arguments: read from its memory and seen from its root. All of it may be a lie by
// the time it is told.

import ByteText
import LinuxSystem

struct ProcessView {
    private let process: ProcessID

    init(_ process: ProcessID) { self.process = process }

    private static let longestText = 255

    /// What the user is shown of a text: cut where it is long.
    static func shown(_ text: String) -> String {
        guard text.utf8.count > longestShown else { return text }
        var (shown, length) = (String.UnicodeScalarView(), 0)
        for scalar in text.unicodeScalars {
            length += String(scalar).utf8.count
            if length > longestShown { break }
            shown.append(scalar)
        }
        return String(shown) + "…"
    }

    private static let longestShown = 512

    /// Empty where it can't be read.
    func text(_ text: CallShape.Text, _ arguments: [UInt64]) -> String {
        switch text {
        case .string(let index): string(at: arguments[index]) ?? ""
        case .path(let name, let folder): path(name, folder: folder, arguments) ?? ""
        case .address(let pointer, let length): address(pointer, length: length, arguments)?.description ?? ""
        }
    }

    private func string(at pointer: UInt64) -> String? {
        let bytes = ProcessMemory.read(process, at: pointer, count: Self.longestText)
        let end = bytes.firstIndex(of: 0) ?? bytes.count
        return end == 0 ? nil : ByteText.text(bytes[..<end])
    }

    /// A path from the process's root on, as it was written, links not followed.
    private func path(_ name: Int, folder: Int?, _ arguments: [UInt64]) -> String? {
        guard let written = string(at: arguments[name]) else { return nil }
        if written.hasPrefix("/") { return written }
        let number = folder.map { Int32(truncatingIfNeeded: arguments[$0]) } ?? OpenBits.currentFolder
        let link = number == OpenBits.currentFolder ? "cwd" : "fd/\(number)"
        do throws(Errno) {
            let folder = try Files.linkTarget("/proc/\(process)/\(link)")
            return (folder == "/" ? "" : folder) + "/"
                + (written.hasPrefix("./") ? String(written.dropFirst(2)) : written)
        } catch { return written }
    }

    /// Whether the process's user gets at `path` only by CAP_DAC_OVERRIDE, as far as owner and mode tell (groups do not
    /// count: too much is learned rather than too little).
    func needsOverride(_ path: String, writing: Bool) -> Bool {
        do throws(Errno) {
            let root = try Descriptor.open("/proc/\(process)/root", [.path, .directory])
            // Its own folder of /proc belongs to the user that it is.
            let user = try FileStatus.of("/proc/\(process)/task").owner
            var status: FileStatus
            var wanted: UInt32 = writing ? 2 : 4
            do throws(Errno) { status = try root.openInRoot(path, [.path]).status() } catch .noEntry where writing {
                status = try root.openInRoot(PathNames.parent(of: path), [.path, .directory]).status()
                wanted = 3
            }
            let granted = status.owner == user ? status.permissions >> 6 : status.permissions
            return granted & wanted != wanted
        } catch { return false }
    }
}

/// An address of the internet's, as connect(2) is given it.
struct InternetAddress: CustomStringConvertible {
    let isVersion6: Bool
    let bytes: [UInt8]
    let port: Int

    var description: String {
        guard isVersion6 else { return bytes.map { String($0) }.joined(separator: ".") + ":\(port)" }
        let groups = stride(from: 0, to: 16, by: 2).map { Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]) }
        // The longest run of zeros, or the first of several, becomes `::` (RFC 5952).
        var (start, length) = (0, 0)
        var index = 0
        while index < 8 {
            let end = groups[index...].firstIndex { $0 != 0 } ?? 8
            if end - index > length { (start, length) = (index, end - index) }
            index = max(end, index + 1)
        }
        func words(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        let text = length > 1 ? words(0..<start) + "::" + words(start + length..<8) : words(0..<8)
        return "[\(text)]:\(port)"
    }
}

extension ProcessView {
    /// AF_INET and AF_INET6 of socket(7).
    private static let (version4, version6): (Int, Int) = (2, 10)

    /// nil where it is none of the internet's.
    func address(_ pointer: Int, length: Int, _ arguments: [UInt64]) -> InternetAddress? {
        let bytes = ProcessMemory.read(
            process, at: arguments[pointer], count: min(28, Int(clamping: arguments[length])))
        guard bytes.count >= 8 else { return nil }
        let port = Int(bytes[2]) << 8 | Int(bytes[3])
        switch Int(bytes[0]) | Int(bytes[1]) << 8 {
        case Self.version4: return InternetAddress(isVersion6: false, bytes: Array(bytes[4..<8]), port: port)
        case Self.version6 where bytes.count >= 24:
            return InternetAddress(isVersion6: true, bytes: Array(bytes[8..<24]), port: port)
        default: return nil
        }
    }
}
