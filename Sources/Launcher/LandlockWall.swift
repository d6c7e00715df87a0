// Landlock's rules, laid on the command: made while it still has all rights over the sandbox and nothing of the host is
// open, in force just before its system call filter.

import LaunchPlan
import LinuxSystem

struct LandlockWall: ~Copyable {
    private let ruleset: LandlockRuleset
    private let holdsPorts: Bool

    /// - Parameter root: the sandbox's own root.
    static func make(_ rules: LandlockRules, root: borrowing Descriptor) throws(LaunchFailure) -> LandlockWall {
        let wall: LandlockWall
        do throws(Errno) {
            wall = LandlockWall(
                ruleset: try ruleset(rules), holdsPorts: rules.tcpBind != nil || rules.tcpConnect != nil)
        } catch { throw LaunchFailure(.landlock, errno: error.rawValue) }
        for rule in rules.fileRules {
            do throws(Errno) { try wall.add(rule, root) } catch {
                throw LaunchFailure(.landlock, errno: error.rawValue, object: "\(rule.place)")
            }
        }
        return wall
    }

    private static func ruleset(_ rules: LandlockRules) throws(Errno) -> LandlockRuleset {
        let ruleset = try LandlockRuleset(
            files: rules.heldFiles.rawValue, tcpBind: rules.tcpBind != nil, tcpConnect: rules.tcpConnect != nil,
            scopes: rules.isScoped)
        for port in rules.tcpBind ?? [] { try ruleset.allowToBind(port) }
        for port in rules.tcpConnect ?? [] { try ruleset.allowToConnect(port) }
        return ruleset
    }

    private borrowing func add(_ rule: FileRule, _ root: borrowing Descriptor) throws(Errno) {
        let rights = rule.rights.rawValue
        switch rule.place {
        case .path("/"): try ruleset.allow(rights, beneath: root)
        case .path(let path):
            let place: Descriptor
            // What a mask has covered is no place to write to.
            do throws(Errno) { place = try root.openInRoot(path, [.path]) } catch .noEntry { return }
            try ruleset.allow(rights, beneath: place)
        case .standardDescriptors:
            for number: Int32 in 0...2 { try ruleset.allow(rights, standardDescriptor: number) }
        }
    }

    /// From here on this process and all that come from it are held. Needs no_new_privs, and a filter to come.
    borrowing func close() throws(LaunchFailure) {
        do throws(Errno) {
            try Landlock.restrict(to: ruleset)
            if holdsPorts { try Namespacing.installFilter(OtherTCP.closed.bytes) }
        } catch { throw LaunchFailure(.landlock, errno: error.rawValue) }
    }
}
