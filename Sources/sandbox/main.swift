import LaunchPlan
import Launcher
import LinuxSystem
import SandboxPolicy
let w = Array(CommandLine.arguments.dropFirst(2))
let cw = try CommandWords(w)
let policy = try Policy(cw.settings)
let facts = Facts.gather(for: policy, isHost: cw.subject == "host")
let cmd = Array(w[(cw.commandStart ?? w.count)...])
let root: RootSource = cw.subject == "host" ? .host : .folder(cw.subject ?? "")
let plan = try LaunchPlan(LaunchRequest(policy: policy, facts: facts, root: root, layers: policy.layers, upper: nil, identity: try IdentityMap(policy.identity, facts), command: cmd))
if policy.verbose { for s in plan.steps { print(s) } }
do {
    Process.exit(try Launch(plan, filter: nil, words: cmd, tail: nil, timeout: policy.timeout).run())
} catch { print(error.message(plan, reason: Errno(error.errno).description)); Process.exit(error.exitStatus) }
