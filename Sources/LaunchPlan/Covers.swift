// What covers a part of a bound tree stays there: nobody moves it away with the folder above it, and nobody who has mounts
// of their own takes it away. A mount point that another mount namespace does not have can be removed and renamed there.

import SandboxPolicy

extension LaunchPlan {
    /// Whether the command can make a mount namespace, and change what is mounted there.
    static func commandMayUndo(_ policy: Policy) -> Bool {
        policy.nested
            || policy.allowed.contains("mount")
                && policy.allowed.contains { ["namespaces", "unshare", "clone", "clone3", "setns"].contains($0) }
    }

    /// To be walked before something is mounted at `path`. Where no bind is writable, there is nothing to hold.
    /// - Parameter isFile: nil for a mask.
    func covering(_ path: String, isFile: Bool?, by own: Bind? = nil) -> [Step] {
        let isMask = isFile == nil
        let binds = request.policy.allBinds(from: request.facts.currentFolder)
        let isBeneathAny = binds.contains {
            !$0.readOnly && $0 != own && !request.facts.boundFiles.contains($0.source)
        }
        if Self.commandMayUndo(request.policy) {
            return isMask || isBeneathAny ? [.refuseUndoing(path, isFile: isFile)] : []
        }
        return isBeneathAny ? [.holdAbove(path, isFile: isFile)] : []
    }

    /// What is protected lies in writable binds.
    func refuseProtections() throws(PolicyError) {
        let lost = request.facts.protections.filter { !$0.bind.readOnly && $0.kind != .held }
        if let own = lost.first(where: { $0.kind == .hidden }) {
            throw PolicyError(
                "\(Self.undoing(request.policy)) undoes what hides \(quoted(own.bind.source + "/" + own.path)), a folder of "
                    + "this program's own that is believed, in a folder shown writable; bind it read-only, or another one"
            )
        }
        guard !lost.isEmpty else { return }
        let origin = request.policy.settings.last { $0.option == .protect }?.origin
        let from = if case .profile(let name)? = origin { " of the profile \(name)" } else { "" }
        throw PolicyError(
            "\(Self.undoing(request.policy)) undoes --protect\(from): a command with mounts of its own takes away what "
                + "covers a place; say --protect none, use another profile, or bind the folder read-only")
    }

    /// The option that lets the command mount.
    static func undoing(_ policy: Policy) -> String { policy.nested ? "--nested" : "--allow mount" }
}
