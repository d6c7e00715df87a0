// The launcher while the command runs: hands signals on, answers a filter's questions, reports how it ended. Init keeps the
// time limit; what it does not do in time is done from here.

import LinuxSystem

struct Supervisor {
    let child: ProcessID
    /// Where init tells how the command ended, when no other process is left inside.
    let status: SharedDescriptor
    /// When the time is over, in the milliseconds of `Clock`.
    let due: Int?
    /// The terminal's keys do not reach the command by themselves.
    let hasOwnSession: Bool
    /// The namespaces, too, are to be gone at the end.
    let waitsForInit: Bool
    /// Everything inside, to be ended without init.
    let members: Members?
    var wakening: Wakening
    /// Where the command's output goes that is not handed out.
    let appending: [Appending]
    /// Answers a system call that waits.
    let answer: () -> Void
    private var ending: Ending?

    init(
        child: ProcessID, status: SharedDescriptor, due: Int?, hasOwnSession: Bool, waitsForInit: Bool,
        members: Members?, wakening: Wakening, appending: [Appending], answer: @escaping () -> Void
    ) {
        self.child = child
        self.status = status
        self.due = due
        self.hasOwnSession = hasOwnSession
        self.waitsForInit = waitsForInit
        self.members = members
        self.wakening = wakening
        self.appending = appending
        self.answer = answer
    }

    /// How long a command that was asked to end may take, in milliseconds.
    static let grace = 2000
    /// How long init may take for what it has to do, and members to be gone, in milliseconds.
    private static let patience = 300
    /// After this many milliseconds a command is taken for a longer one.
    static let settling = 50
    static let timeoutStatus: Int32 = 124

    mutating func run() -> Ending {
        var last = due.map { $0 + Self.grace + Self.patience }
        var isSettled = false
        while true {
            let left = last.map { max(0, $0 - Clock.milliseconds) }
            // Looked at each time: those who ask without end must not keep it from coming.
            if left == 0 {
                ending = .limit
                members?.endAll()
                Process.kill(child, Signal.kill)
                last = Clock.milliseconds + Self.patience
                continue
            }
            switch wakening.next(within: isSettled ? left : min(left ?? .max, Self.settling)) {
            case .word:
                hear()
                if let ending, !waitsForInit { return ending }
            case .signal(let signal):
                if let ending = handle(signal) { return ending }
            case .question: answer()
            case .input(let index):
                appending[index].pass()
                if appending[index].reader == nil { wakening.forgetInput(index) }
            case .nothing where !isSettled: Process.releaseMemory()
            case .nothing: break
            }
            isSettled = true
        }
    }

    private mutating func hear() {
        wakening.forgetInit()
        do throws(Errno) { ending = Ending(encoded: try status.descriptor.read(upTo: 2)) ?? ending } catch {}
    }

    /// - Returns: how the sandbox ended, once init has.
    private func handle(_ signal: Signal) -> Ending? {
        switch signal.number {
        case Signal.child:
            while true {
                do throws(Errno) {
                    guard let ended = try Process.reap() else { return nil }
                    if ended.child == child { return ending ?? .command(ended.status.shellStatus) }
                } catch { return .command(125) }
            }
        case Signal.keyStop:  // The command has stopped by itself; so does this process, until SIGCONT.
            Process.kill(signal.isFromKernel ? Process.id : child, signal.isFromKernel ? Signal.stop : Signal.keyStop)
        default:
            // What a terminal's key sends, it has sent to the command too, and so with its size.
            if hasOwnSession || !signal.isFromKernel { Process.kill(child, signal.number) }
        }
        return nil
    }
}
