// Names of system calls as users write them: what `--allow` takes beside the groups, and `--syscalls` alone.

/// Names of all machines' calls: a profile may name one that this machine lacks. The launcher, which has no libseccomp,
/// must be able to say that a name is unknown, and what was meant.
public enum SystemCallNames {
    public static var all: [String] {
        Set(SystemCallTable.x86_64.numbers.keys).union(SystemCallTable.aarch64.numbers.keys).sorted()
    }

    public static func contains(_ name: String) -> Bool {
        SystemCallTable.native.number(of: name) != nil || SystemCallTable.x86_64.number(of: name) != nil
            || SystemCallTable.aarch64.number(of: name) != nil
    }
}
