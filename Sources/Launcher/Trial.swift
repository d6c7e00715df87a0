// A launch that is only tried: in a process of its own, which has one thread, blocks signals and waits as a launcher does.

public import LaunchPlan
public import LinuxSystem

public enum Trial {
    public enum Outcome: Sendable {
        /// The command ran, and ended with this status.
        case ran(Int32)
        /// With what was said on standard error meanwhile.
        case failed(LaunchFailure, said: String)
    }

    /// Starts the plan's command. To be called before any thread exists, as everything that forks and goes on.
    public static func run(_ plan: LaunchPlan, filter: [UInt8]?) throws(Errno) -> Outcome {
        var report = try PipeEnds()
        var errors = try PipeEnds()
        let child: ProcessID
        do throws(Errno) { child = try Namespacing.cloneProcess(0) } catch {
            // A filter that hides clone3(2) hides it for every use.
            return .failed(LaunchFailure(.namespaces, errno: error.rawValue), said: "")
        }
        if child == 0 {
            let report = report.keepWriter()
            launch(plan, filter, report, errors.keepWriter())
        }
        let reader = report.keepReader()
        let said = try errors.keepReader().descriptor.readAll(limit: 1 << 20)
        let bytes = try reader.descriptor.readAll(limit: 1 << 16)
        let status = try Process.wait(for: child).shellStatus
        guard let failure = LaunchFailure(encoded: bytes) else { return .ran(status) }
        return .failed(failure, said: String(decoding: said, as: UTF8.self))
    }

    private static func launch(
        _ plan: LaunchPlan, _ filter: [UInt8]?, _ report: SharedDescriptor, _ errors: SharedDescriptor
    ) -> Never {
        do throws(Errno) {
            let null = try Descriptor.open("/dev/null", [.readWrite])
            try null.becomeStandard(0)
            try null.becomeStandard(1)
            try errors.descriptor.becomeStandard(2)
        } catch { Process.exit(125) }
        do throws(LaunchFailure) {
            let launch = Launch(
                plan, filter: filter, observer: nil, words: plan.execution.command, tail: nil, timeout: nil,
                isKept: plan.upperFolder != nil, say: { _ in })
            Process.exit(try launch.run())
        } catch {
            do throws(Errno) { try report.descriptor.write(error.encoded) } catch {}
            Process.exit(125)
        }
    }
}
