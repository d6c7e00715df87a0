// The scheduling group of the caller's session (sched(7), "The autogroup feature"). A command that stays in that session
// can give the group another nice value: at the end it has the one that it had.

import LinuxSystem

struct SchedulingGroup {
    private static let file = "/proc/self/autogroup"
    private let nice: Int

    /// nil where the kernel has no such groups.
    init?() {
        guard let nice = Self.current else { return nil }
        self.nice = nice
    }

    /// A line as `/autogroup-71 nice 0`.
    private static var current: Int? {
        Files.text(file)?.split(whereSeparator: { $0 == " " || $0 == "\n" }).last.flatMap { Int($0) }
    }

    func restore() {
        // The kernel takes ten changes a second, whoever makes them.
        for _ in 0..<20 where Self.current != nice {
            do throws(Errno) { return try Files.write(Self.file, String(nice)) } catch .wouldBlock {
                Clock.pause(milliseconds: 50)
            } catch { return }
        }
    }
}
