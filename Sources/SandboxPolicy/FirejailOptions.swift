// Options of firejail (firejail(1)). Most of them take things away from a view of the whole machine; here nothing of the
// machine is seen but its system folders, and only on `host`.

extension ForeignOption {
    private static let closed = Here.instead("always so")
    private static let desktop = Here.instead("not there: no desktop, sound or bus is shown inside")
    private static let noFilter = Here.instead(
        "not there: --network is none, user or host; `--tcp-connect PORT` and `--tcp-bind PORT` name ports")

    public static let firejail: [ForeignOption] = [
        ForeignOption(
            "--apparmor.print --dns.print --fs.print --net.print --netfilter6.print --protocol.print --nettrace "
                + "--ids-check --ids-init --tunnel", .instead("not there: `--explain` prints what a run would have")),
        ForeignOption("--mkdir --mkfile", .instead("not there: make it before, and `--bind` it")),
        ForeignOption("--mac", noFilter),
        ForeignOption("--oom", .instead("`choom -n SCORE -- sandbox run …`")),
        ForeignOption("--allow-debuggers", .instead("always so, among the sandbox's own processes")),
        ForeignOption("--allusers", .instead("not there: nobody's home is shown")),
        ForeignOption("--apparmor", .instead("not there: Landlock takes that part (`--landlock`)")),
        ForeignOption("--appimage", .instead("not there: unpack it with `--appimage-extract`, and run its AppRun")),
        ForeignOption(
            "--bandwidth --netfilter --netfilter6 --netlock --netmask --netns --interface --iprange --mtu --veth-name --defaultgw --scan --icmptrace --dnstrace --snitrace --netstats --netfilter.print --ip.print",
            noFilter),
        ForeignOption("--bind", .instead("`--bind SRC:DST`")),
        ForeignOption(
            "--blacklist --noblacklist --disable-mnt",
            .instead("`--mask PATH` hides one; homes and /mnt are never shown")),
        ForeignOption(
            "--whitelist --nowhitelist --whitelist-ro --read-write",
            .instead("`--bind PATH`; only what you bind can be seen")),
        ForeignOption("--build", .instead("`sandbox profile learn`")),
        ForeignOption(
            "--caps --caps.drop --caps.keep --caps.print",
            .instead("`--cap-drop`, `--cap-add`; `--explain` prints them")),
        ForeignOption("--chroot", .instead("the folder is ROOTFS: `sandbox run ./rootfs`")),
        ForeignOption(
            "--cgroup --cpu --cpu.print",
            .instead("`taskset -c CPUS sandbox run …`, `systemd-run --user --scope sandbox run …`")),
        ForeignOption(
            "--dbus-system.broadcast --dbus-system.call --dbus-system.log --dbus-system.own --dbus-system.see --dbus-user.broadcast --dbus-user.call --dbus-user.log --dbus-user.see --dbus-log --dbus-system --dbus-user --nodbus --dbus-user.talk --dbus-user.own --dbus-system.talk",
            desktop
        ),
        ForeignOption(
            "--debug --debug-blacklists --debug-caps --debug-errnos --debug-private-lib --debug-protocols --debug-syscalls --debug-syscalls32 --debug-whitelists",
            .instead("`--explain`, `--verbose`")),
        ForeignOption(
            "--deterministic-exit-code --deterministic-shutdown", .instead("always so: the status is the command's own")
        ),
        ForeignOption(
            "--env --rmenv",
            .instead("`--env NAME=VALUE`; no variables of yours are inside but LANG, LC_*, TERM and TZ")),
        ForeignOption("--hosts-file --dns", .instead("`--bind FILE:/etc/hosts:ro`, `--bind FILE:/etc/resolv.conf:ro`")),
        ForeignOption(
            "--ignore --include --noprofile",
            .instead("a profile `extends` others; `-p default` has none but the built-in rules")),
        ForeignOption(
            "--ipc-namespace --noroot --nonewprivs --restrict-namespaces --machine-id --keep-config-pulse --nogroups",
            closed),
        ForeignOption(
            "--join --join-filesystem --join-network --join-or-start --shutdown --list --top --tree --ls --get --put --cat",
            .instead("not there yet: `sandbox list` shows kept sandboxes, `sandbox start NAME` runs in one")),
        ForeignOption(
            "--keep-dev-shm --keep-var-tmp --keep-shell-rc --keep-fd",
            .instead("not there: these are always the sandbox's own")),
        ForeignOption(
            "--landlock.enforce --landlock.fs.read --landlock.fs.write --landlock.fs.makeipc --landlock.fs.makedev --landlock.fs.execute",
            .instead("`--landlock required`: the rules come from what is shown writable")),
        ForeignOption(
            "--memory-deny-write-execute",
            .instead("not there: just-in-time compilers need it; a filter of your own can refuse it")),
        ForeignOption("--nice", .instead("`nice sandbox run …`")),
        ForeignOption(
            "--no3d --noautopulse --nodvd --noinput --noprinters --nosound --notv --nou2f --novideo --notpm --x11 --xephyr-screen --tab",
            .instead("always so: no devices but null, zero, full, random, urandom, tty and ptys")),
        ForeignOption("--noexec", .instead("not there: programs in a bind can be run")),
        ForeignOption("--output --output-stderr", .instead("`sandbox run … | tee FILE`")),
        ForeignOption(
            "--overlay --overlay-named --overlay-tmpfs --overlay-clean",
            .instead("the root is always an overlay: `--name`, `--upper memory`, `sandbox rm`")),
        ForeignOption(
            "--private --private-bin --private-cache --private-cwd --private-dev --private-etc --private-home --private-lib --private-opt --private-srv --private-tmp --private-usr --private-root",
            .instead("always so: homes, /tmp and /dev are the sandbox's own; an image has no files of this machine's")),
        ForeignOption("--profile --profile.print", .instead("`--profile NAME|FILE`, `sandbox profile show`")),
        ForeignOption("--protocol", .instead("the filter's: `--seccomp`")),
        ForeignOption(
            "--rlimit-as --rlimit-cpu --rlimit-fsize --rlimit-nofile --rlimit-nproc --rlimit-sigpending --rlimit-rttime",
            .instead("`(ulimit …; sandbox run …)`: the caller's own count inside")),
        ForeignOption(
            "--seccomp --seccomp.32 --seccomp.block-secondary --seccomp.drop --seccomp.keep --seccomp.print --seccomp-error-action --trace --tracelog",
            .instead("`--seccomp`, `--allow`; `--report-denied` says what was refused")),
        ForeignOption("--shell --version", .instead("`sandbox shell`, `sandbox version`")),
        ForeignOption(
            "--writable-etc --writable-run-user --writable-var --writable-var-log", .instead("always so, copy-on-write")
        ),
        ForeignOption(
            "--hostname --name --net --quiet --read-only --timeout --tmpfs",
            .instead("the same name here; `sandbox run --help`")),
    ]
}
