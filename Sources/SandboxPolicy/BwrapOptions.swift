// Options of bubblewrap (bwrap(1)).

extension ForeignOption {
    private static let always = Here.instead("always so")
    private static let handle = Here.instead("not there: descriptors 0, 1 and 2 go in, and no others")

    public static let bwrap: [ForeignOption] = [
        ForeignOption("--args", .instead("not there: options are words; a profile keeps them in a file")),
        ForeignOption("--argv0", .instead("not there: `--entrypoint sh` with `exec -a` has another")),
        ForeignOption("--level-prefix", .instead("not there")),
        ForeignOption(
            "--unshare-all --unshare-user --unshare-user-try --unshare-ipc --unshare-pid --unshare-uts --unshare-cgroup --unshare-cgroup-try",
            always),
        ForeignOption("--unshare-net", .instead("`--network none`, which is so without a word")),
        ForeignOption("--share-net", .instead("`--network host`")),
        ForeignOption("--userns --userns2 --pidns", .instead("not there: namespaces are always new")),
        ForeignOption(
            "--disable-userns --assert-userns-disabled",
            .instead("always so, unless `--nested`: the filter refuses user namespaces")),
        ForeignOption("--uid --gid", .instead("`--user UID[:GID]`")),
        ForeignOption("--hostname", .same),
        ForeignOption("--chdir", .instead("`--workdir PATH`")),
        ForeignOption("--setenv", .instead("`--env NAME=VALUE`")),
        ForeignOption(
            "--unsetenv --clearenv", .instead("always so: no variables of yours are inside but LANG, LC_*, TERM and TZ")
        ),
        ForeignOption("--lock-file", .instead("not there: `flock FILE sandbox run …`")),
        ForeignOption("--sync-fd --block-fd --userns-block-fd --info-fd --json-status-fd", handle),
        ForeignOption("--bind", .instead("`--bind SRC:DST`, one word")),
        ForeignOption("--ro-bind", .instead("`--bind SRC:DST:ro`")),
        ForeignOption("--bind-try --ro-bind-try --dev-bind-try", .instead("not there: what is to be shown must exist")),
        ForeignOption(
            "--dev-bind", .instead("not there as a folder: `--bind` shows files and folders without their devices")),
        ForeignOption(
            "--bind-fd --ro-bind-fd --file --bind-data --ro-bind-data",
            .instead("not there: `--bind FILE:DST:ro` shows a file")),
        ForeignOption("--remount-ro", .instead("`--read-only` for the root, `:ro` for a bind")),
        ForeignOption(
            "--overlay-src --overlay --tmp-overlay --ro-overlay",
            .instead("the root is an overlay: `--layer DIR` puts one more on it, `--upper DIR` keeps changes")),
        ForeignOption("--exec-label --file-label", .instead("not there: labels of SELinux are the caller's")),
        ForeignOption("--proc --dev --mqueue", always),
        ForeignOption("--tmpfs", .instead("`--tmpfs DST[:size=BYTES]`")),
        ForeignOption(
            "--dir --symlink --chmod", .instead("not there: the root can be written; make it inside, or in a `--layer`")
        ),
        ForeignOption("--perms --size", .instead("a part of `--tmpfs`")),
        ForeignOption("--seccomp --add-seccomp-fd", .instead("`--seccomp FILE`, in OCI's format instead of compiled")),
        ForeignOption(
            "--new-session", .instead("always so where it is needed: nobody inside types into your terminal")),
        ForeignOption("--die-with-parent", .instead("the sandbox always ends with its launcher")),
        ForeignOption("--as-pid-1", .instead("not there: an init is always PID 1")),
        ForeignOption("--cap-add", .same),
        ForeignOption("--cap-drop", .same),
    ]
}
