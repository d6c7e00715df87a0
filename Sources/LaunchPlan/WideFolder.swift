// Current folders that --here does not show: with them would come what is nobody's business inside.

import SandboxPolicy

/// Why a folder is none to be shown whole by the way.
public enum WideFolder: Equatable, Sendable {
    case root
    case home
    /// A home folder lies below it.
    case aboveHome
    /// A file system of the kernel's, as /proc and /sys, or the devices.
    case kernel
    /// Where the sockets of this user's programs are, or a folder above that.
    case sockets

    fileprivate var words: String {
        switch self {
        case .root: "the root of this machine"
        case .home: "the home folder, with the keys and settings of all programs"
        case .aboveHome: "above the home folder, with the keys and settings of all programs"
        case .kernel: "a file system of the kernel's"
        case .sockets: "where running programs have their sockets"
        }
    }
}

extension LaunchPlan {
    static func tooWide(_ reason: WideFolder, _ request: LaunchRequest) -> PolicyError {
        let origin = request.policy.settings.last { $0.option == .here }?.origin
        let from =
            if case .profile(let name)? = origin { " (profile \(name))" } else { "" }
        let folder = request.facts.currentFolder
        let whole =
            switch reason {
            // It has to be shown somewhere else, as nothing may cover the root of the sandbox.
            case .root: " (--bind /:/host for all of it)"
            case .home, .aboveHome: " (--bind \(shellWord(folder)) for all of it)"
            case .kernel, .sockets: ""
            }
        return PolicyError(
            "--here\(from) shows the current folder, and \(quoted(folder)) is \(reason.words): change to the folder of a "
                + "project; or say --here=false, and --bind FOLDER for what is needed\(whole)")
    }
}
