// Hears of a sandbox's system calls, remembers them, and answers as the filter does: what is read of a process's memory
// is told to the user and decides nothing.

import BPF
public import LaunchPlan
import LinuxSystem
public import Observations

/// What of a run is to be remembered.
public final class Observer {
    public enum Attention: Sendable {
        /// What the policy keeps from happening. `owners`: changes of what belongs to ids that are not among these are
        /// looked for, too.
        case denials(hasReadOnlyPlaces: Bool, owners: [IDRange]?)
        /// Everything.
        case all

        var isOfDenials: Bool { if case .denials = self { true } else { false } }
    }

    let attention: Attention
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
        case .denials(let hasReadOnlyPlaces, let owners):
            let openings = hasReadOnlyPlaces ? OpenBits.write : owners != nil ? OpenBits.writeAnew : nil
            asking = self.filter.telling(of: openings.map(CallShape.changes) ?? [], exempt: exempt)
        }
        guard let asking else { return nil }
        askingFilter = asking.bytes
    }

    /// What the closed network has counted, told last.
    func add(_ counts: NetworkCounts) {
        for (observation, count) in counts.observations { self.counts[observation] = (count, self.counts.count) }
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
        if isAllowed, case .denials(_, let owners) = attention {
            return letChange(listener, asked, call, owners)
        }
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

    /// Most changes succeed: only what names the path is read while the process waits, and looked at when it goes on.
    /// Nothing is missed by that, for a change that was refused leaves all as it was.
    private func letChange(
        _ listener: SystemCallListener, _ asked: SystemCallListener.Question, _ call: SystemCall, _ owners: [IDRange]?
    ) {
        let isNative = call.architecture == SystemCall.nativeArchitecture
        guard isNative, let shape = CallShape.known[call.number], let change = shape.change,
            let view = ChangeView(asked.process, owners)
        else { return listener.allow(asked) }
        let process = ProcessView(asked.process)
        let texts = shape.texts.map { process.text($0, call.arguments) }
        let isValid = listener.isValid(asked)
        listener.allow(asked)
        guard isValid, let path = texts.last, !path.isEmpty,
            let obstacle = view.obstacle(to: change, path, call.arguments)
        else { return }
        let kind: Observation.Kind = obstacle == .readOnly ? .change : .ownership
        remember(Observation(kind, call, texts: texts.map(ProcessView.shown)))
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
        return []
    }
}
