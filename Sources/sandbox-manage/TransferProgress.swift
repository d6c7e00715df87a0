// How far layers are on their way: a bar for each on a terminal, a line for each that has come elsewhere.

import Foundation
import ImageFormat
import ImageStore
import LinuxSystem
import SandboxPolicy
import Synchronization

final class TransferProgress: LayerProgress {
    private struct Bar {
        let label: String
        /// Bytes; nil where nobody knows.
        let size: Int64?
        var done: Int64 = 0
        var end: String?
    }

    private struct State {
        var bars: [Bar] = []
        /// Lines on the terminal now, to be drawn over.
        var drawn = 0
        var last = Date.distantPast
    }

    private let what: String
    private let isQuiet: Bool
    private let isTerminal = isatty(2) == 1
    private let state = Mutex(State())

    /// - Parameter what: the image, for lines that are not on a terminal.
    init(_ what: String, isQuiet: Bool) {
        self.what = what
        self.isQuiet = isQuiet
    }

    func begin(_ layers: [BlobDescriptor]) {
        update(now: true) { state in
            for layer in layers where !state.bars.contains(where: { $0.label == layer.digest.short }) {
                state.bars.append(Bar(label: layer.digest.short, size: layer.size))
            }
        }
    }

    func advance(_ layer: Digest, to bytes: Int64) { advance(label: layer.short, to: bytes) }

    func advance(label: String, to bytes: Int64) {
        update { state in
            if let index = state.bars.firstIndex(where: { $0.label == label }) {
                state.bars[index].done = max(bytes, state.bars[index].done)
            } else {
                state.bars.append(Bar(label: label, size: nil, done: bytes))
            }
        }
    }

    func end(_ layer: Digest, wasThere: Bool) { end(label: layer.short, wasThere ? "here already" : "done") }

    func end(label: String, _ how: String) {
        update(now: true) { state in
            guard let index = state.bars.firstIndex(where: { $0.label == label }) else { return }
            state.bars[index].end = how
            if !isTerminal, !isQuiet {
                let size = state.bars[index].size.map { " (\(sandbox_manage.size($0)))" } ?? ""
                Invocation.say("\(what): layer \(label) \(how)\(size)")
            }
        }
    }

    /// Takes the bars away.
    func close() {
        state.withLock { state in
            if state.drawn > 0 { write("\u{1b}[\(state.drawn)A\u{1b}[J") }
            state.drawn = 0
            state.bars = []
        }
    }

    private func update(now: Bool = false, _ change: (inout State) -> Void) {
        state.withLock { state in
            change(&state)
            guard isTerminal, !isQuiet, now || Date().timeIntervalSince(state.last) > 0.1 else { return }
            state.last = Date()
            draw(&state)
        }
    }

    private func draw(_ state: inout State) {
        var text = state.drawn > 0 ? "\u{1b}[\(state.drawn)A" : ""
        // More lines than the terminal has can't be drawn over.
        let shown = state.bars.suffix(20)
        for bar in shown { text += line(bar) + "\u{1b}[K\n" }
        state.drawn = shown.count
        write(text)
    }

    private func line(_ bar: Bar) -> String {
        let label = escaped(String(bar.label.suffix(min(32, max(8, columns - 28)))))
        guard let size = bar.size, size > 0 else { return "\(label)  \(sandbox_manage.size(bar.done))" }
        if let end = bar.end { return "\(label)  \(end)" }
        let numbers = "\(sandbox_manage.size(bar.done)) of \(sandbox_manage.size(size))"
        // What does not fit into a line can't be drawn over.
        let width = min(30, columns - label.count - numbers.count - 5)
        guard width >= 4 else { return String("\(label) \(numbers)".prefix(columns - 1)) }
        let full = Int(Double(width) * min(1, Double(bar.done) / Double(size)))
        let drawn = String(repeating: "█", count: full) + String(repeating: "·", count: width - full)
        return "\(label)  \(drawn)  \(numbers)"
    }

    /// Of the terminal now.
    private var columns: Int {
        var size = winsize()
        guard ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    private func write(_ text: String) {
        do { try Descriptor.standardError(Array(text.utf8)) } catch {}
    }
}
