// Hears of a sandbox's system calls, remembers them, and answers as the filter does: what is read of a process's memory
// is told to the user and decides nothing.

import BPF
import LinuxSystem
public import Observations

/// What of a run is to be remembered.
public final class Observer {
    public enum Attention: Sendable {
        /// What the policy keeps from happening.
        case denials(isNetworkClosed: Bool, hasReadOnlyPlaces: Bool)
        /// Everything.
        case all
    }

    private let attention: Attention
    /// The filter as the policy has it: it decides.
    private let filter: FilterProgram
    /// How often each was seen, and when first.
    private var counts: [Observation: (count: Int, order: Int)] = [:]
    /// More kinds than this are counted, not listed: a sandbox must not fill its launcher's memory. Calls without texts
    /// are few, and have as much room again.
    private static let most = 4096
    public private(set) var unlisted = 0

    /// The filter to install instead: one that asks.
    let askingFilter: [UInt8]

    /// - Parameter filter: `struct sock_filter`s, or nil for none.
    /// - Returns: nil where a filter that asks would be longer than the kernel takes.
    public init?(_ attention: Attention, filter: [UInt8]?) {
        self.attention = attention
        self.filter = filter.map { FilterProgram(bytes: $0) } ?? .allowingAll
        let exempt = SystemCallNumber.untilExecuted
        let asking: FilterProgram?
        switch attention {
        case .all: asking = self.filter.tellingOfAll(exempt: exempt)
        case .denials(let isNetworkClosed, let hasReadOnlyPlaces):
            let watched = (isNetworkClosed ? CallShape.connections : []) + (hasReadOnlyPlaces ? CallShape.changes : [])
            asking = self.filter.telling(of: watched, exempt: exempt)
        }
        guard let asking else { return nil }
        askingFilter = asking.bytes
    }

    /// What was seen, in the order in which it was seen first.
    public var seen: [(observation: Observation, count: Int)] {
        counts.sorted { $0.value.order < $1.value.order }.map { ($0.key, $0.value.count) }
    }

    /// Answers the question that waits.
    func answer(_ listener: SystemCallListener) {
        let asked: SystemCallListener.Question
        do throws(Errno) {
            guard let next = try listener.next() else { return }
            asked = next
        } catch { return }
        let call = SystemCall(number: asked.number, architecture: asked.architecture, asked.arguments)
        let answer = filter.answer(to: call) ?? SeccompAnswer.killProcess
        let isAllowed = answer == SeccompAnswer.allow || answer == SeccompAnswer.log
        // Looked at while the process waits, and believed only if it still does.
        let found = look(at: call, of: asked.process, isAllowed: isAllowed, answer)
        let isValid = listener.isValid(asked)
        if isAllowed {
            listener.allow(asked)
        } else {
            // A filter's other actions are not asked about: whoever gets here by one has found a gap in that.
            listener.refuse(asked, SeccompAnswer.errno(answer) ?? Errno.permission.rawValue)
        }
        if isValid { for observation in found { remember(observation) } }
    }

    private func remember(_ observation: Observation) {
        if let known = counts[observation] {
            counts[observation] = (known.count + 1, known.order)
        } else if counts.count < Self.most || (observation.texts.isEmpty && counts.count < 2 * Self.most) {
            counts[observation] = (1, counts.count)
        } else {
            unlisted += 1
        }
    }

    private func look(
        at call: SystemCall, of process: ProcessID, isAllowed: Bool, _ answer: UInt32
    ) -> [Observation] {
        let isNative = call.architecture == SystemCall.nativeArchitecture
        let shape = isNative ? CallShape.known[call.number] : nil
        let view = ProcessView(process)
        // Read once: the process can change it meanwhile, and one call is to be told of in one way.
        let texts = shape?.texts.map { view.text($0, call.arguments) } ?? []
        func observed(_ kind: Observation.Kind) -> Observation {
            Observation(
                kind, call, argument: shape?.telling.map { call.arguments[$0] }, texts: texts.map(ProcessView.shown))
        }
        guard isAllowed else {
            switch SeccompAnswer.errno(answer) {
            case 0?:
                // Answered with success: part of how one id looks like many, and nothing that was refused.
                if case .all = attention { return [observed(.used)] }
                return []
            case FilterProgram.unknownCall?: return []  // A library asks whether there is such a call.
            default: return [observed(.refused)]
            }
        }
        var path: String?
        if case .path? = shape?.texts.last, let text = texts.last, !text.isEmpty { path = text }
        if case .all = attention {
            // The call by itself as well: that it was made must not be lost among many paths.
            var found = [Observation(.used, call)]
            if shape != nil { found.append(observed(.used)) }
            guard let path else { return found }
            let writes = shape?.change?.isMade(by: call.arguments) ?? false
            if writes { found.append(observed(.change)) }
            if view.needsOverride(path, writing: writes) { found.append(observed(.override)) }
            return found
        }
        if let change = shape?.change {
            guard let path, view.isRefused(change, path, call.arguments) else { return [] }
            return [observed(.change)]
        }
        guard case .address(let pointer, let length)? = shape?.texts.last,
            let address = view.address(pointer, length: length, call.arguments), !view.isAnswered(address)
        else { return [] }
        return [Observation(.connection, call, texts: [address.description])]
    }
}
