// Options of `podman run` (podman-run(1)) and `docker run`.

extension ForeignOption {
    private static let limit = "not there yet: `systemd-run --user --scope -p "
    private static let noNetworks = Here.instead(
        "not there: a sandbox has no network with others; --network is none, user or host")
    private static let registry = Here.instead(
        "set in containers-registries.conf(5) and containers-auth.json(5), as `podman login` writes it")
    private static let inImage = Here.instead("not there: what image metadata is for others to read, nothing here does")

    public static let podman: [ForeignOption] = [
        ForeignOption("--add-host", .instead("not there: `--bind FILE:/etc/hosts:ro` with a file of your own")),
        ForeignOption("--annotation -l --label --label-file", inImage),
        ForeignOption("--arch --os --variant", .instead("`--platform OS/ARCH[/VARIANT]`")),
        ForeignOption(
            "-a --attach --sig-proxy --detach-keys",
            .instead("always so: the command has this terminal's input, output and signals")),
        ForeignOption("--authfile --creds --cert-dir --tls-verify --decryption-key", registry),
        ForeignOption(
            "--io-maxbandwidth --io-maxiops --blkio-weight --blkio-weight-device --device-read-bps --device-read-iops --device-write-bps --device-write-iops",
            .instead(limit + "IOWeight=… sandbox run …` sets limits of disks")),
        ForeignOption("--cap-add", .same),
        ForeignOption("--cap-drop", .same),
        ForeignOption(
            "--cgroup-conf --cgroup-parent --cgroupns --cgroups",
            .instead("not supported: no cgroup is made; each sandbox has its own cgroup namespace")),
        ForeignOption(
            "--cidfile --conmon-pidfile --pidfile",
            .instead("not there: the sandbox is the process that you start; `$!` is its id")),
        ForeignOption(
            "--cpus --cpu-count --cpu-percent --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime",
            .instead(limit + "CPUQuota=50% sandbox run …` sets one")),
        ForeignOption("-c --cpu-shares", .instead("`nice sandbox run …`")),
        ForeignOption("--cpuset-cpus", .instead("`taskset -c CPUS sandbox run …`")),
        ForeignOption("--cpuset-mems", .instead("`numactl --membind NODES sandbox run …`")),
        ForeignOption(
            "-d --detach", .instead("not there yet: nothing runs detached; `sandbox run … &` runs it in the background")
        ),
        ForeignOption("--device", .same),
        ForeignOption(
            "--device-cgroup-rule --gpus", .instead("not there: device nodes are shown one by one or not at all")),
        ForeignOption("--disable-content-trust", .instead("not there: what is got is always compared with its digest")),
        ForeignOption(
            "--dns --dns-option --dns-search --domainname",
            .instead(
                "not there: names are asked for as this machine does; `--bind FILE:/etc/resolv.conf:ro` has your own")),
        ForeignOption("--entrypoint", .same),
        ForeignOption("-e --env", .same),
        ForeignOption("--env-file", .same),
        ForeignOption("--env-host --env-merge", .instead("`--env NAME` hands on one variable of yours")),
        ForeignOption("--unsetenv --unsetenv-all", .instead("`--entrypoint env` and `-u NAME` before the command")),
        ForeignOption(
            "--uidmap --gidmap --subuidname --subgidname --userns",
            .instead("`--id-map single` or `range`: which ids there are inside")),
        ForeignOption("--group-add", .instead("not there: groups are those of `--user` in the image's /etc/group")),
        ForeignOption(
            "--group-entry --passwd --passwd-entry --hostuser",
            .instead("not there: `--layer DIR` with an etc/passwd of your own")),
        ForeignOption(
            "--health-cmd --health-interval --health-retries --health-start-period --health-timeout --health-startup-cmd --health-on-failure --health-start-interval --no-healthcheck",
            .instead("not there: nobody but you watches over a run")),
        ForeignOption("-h --hostname", .instead("`--hostname`; `-h` is help here")),
        ForeignOption(
            "--chrootdirs --hosts-file --no-hosts --no-hostname",
            .instead("not there: /etc/hosts and /etc/hostname fit the sandbox; --bind puts others over them")),
        ForeignOption("--http-proxy", .instead("`--env http_proxy --env https_proxy` hands on your own")),
        ForeignOption(
            "--image-volume --volume-driver --volumes-from",
            .instead("not there: there are no volumes; `--bind` shows folders of yours")),
        ForeignOption("--init", .nothing("there is always an init")),
        ForeignOption(
            "--init-path --init-ctr --systemd --sdnotify", .instead("not there: the init is this program's own")),
        ForeignOption("-i --interactive", .nothing("standard input is the caller's")),
        ForeignOption("-t --tty", .nothing("the terminal is the caller's, where there is one")),
        ForeignOption("--rmi", .instead("`sandbox rmi IMAGE`, when the run has ended")),
        ForeignOption("--rm", .nothing("changes go at the end; `--name` keeps them")),
        ForeignOption("--ip --ip6 --mac-address --network-alias --link --link-local-ip --expose", noNetworks),
        ForeignOption("--ipc --pid --uts --isolation", .instead("always on: each sandbox has its own")),
        ForeignOption("--log-driver --log-opt", .instead("not there: output goes to where the sandbox's own does")),
        ForeignOption(
            "-m --memory --memory-reservation --memory-swap --memory-swappiness --kernel-memory --storage-opt",
            .instead(limit + "MemoryMax=1G sandbox run …` sets a limit of memory")),
        ForeignOption("--mount", .instead("taken: `type=bind` and `type=tmpfs`, as `--bind` and `--tmpfs`")),
        ForeignOption("--name", .instead("`--name`: it keeps the changes")),
        ForeignOption("--network --net", .same),
        ForeignOption("--oom-kill-disable --oom-score-adj", .instead("`choom -n SCORE -- sandbox run …`")),
        ForeignOption("--personality", .instead("`setarch … sandbox run …`")),
        ForeignOption("--pids-limit", .instead("`(ulimit -u COUNT; sandbox run …)`: counted for each sandbox")),
        ForeignOption("--platform", .same),
        ForeignOption(
            "--pod --pod-id-file --requires --replace",
            .instead("not there: sandboxes are single; `sandbox rm NAME` makes room for one of that name")),
        ForeignOption(
            "--preserve-fd --preserve-fds", .instead("not there: descriptors 0, 1 and 2 go in, and no others")),
        ForeignOption(
            "--privileged",
            .instead(
                "not there: `--nested`, `--cap-add ALL` and `--seccomp none` open what the kernel lets an ordinary user have"
            )),
        ForeignOption(
            "-p --publish -P --publish-all",
            .instead(
                "not there yet: with `--network host` a server inside listens at this machine's own addresses (`-p` is --profile)"
            )),
        ForeignOption("--pull", .same),
        ForeignOption("-q --quiet", .same),
        ForeignOption("--rdt-class", .instead("not there")),
        ForeignOption("--read-only", .same),
        ForeignOption(
            "--read-only-tmpfs", .instead("always so: /tmp, /dev and /dev/shm can be written with `--read-only`")),
        ForeignOption(
            "--restart --stop-signal --stop-timeout",
            .instead("not there: it is a process; a service of `systemd --user` starts and stops it as wanted")),
        ForeignOption("--retry --retry-delay", .instead("always on: a broken download goes on where it stopped")),
        ForeignOption("--rootfs", .instead("a folder is ROOTFS as it is: `sandbox run ./rootfs`")),
        ForeignOption("--runtime --use-api-socket", .instead("not there: no other program starts it")),
        ForeignOption("--seccomp-policy", .instead("`--seccomp`")),
        ForeignOption("--secret", .instead("`--bind FILE:/run/secrets/NAME:ro`")),
        ForeignOption(
            "--security-opt",
            .instead(
                "`--seccomp FILE|none` for seccomp=; no-new-privileges is always so; labels of AppArmor and SELinux are the caller's"
            )),
        ForeignOption("--shm-size --shm-size-systemd", .instead("`--tmpfs /dev/shm:size=BYTES`")),
        ForeignOption("--sysctl", .instead("not there: the kernel's settings are read-only inside")),
        ForeignOption("--timeout", .same),
        ForeignOption("--tmpfs", .instead("`--tmpfs DST[:size=BYTES]`")),
        ForeignOption("--tz", .instead("`--env TZ=…`; the caller's own TZ is handed on")),
        ForeignOption("--ulimit", .instead("`(ulimit …; sandbox run …)`: the caller's own count inside")),
        ForeignOption("--umask", .instead("`(umask …; sandbox run …)`")),
        ForeignOption("-u --user", .same),
        ForeignOption(
            "-v --volume",
            .instead(
                "taken: `--bind`; SRC is a folder, never a volume's name, and without DST it is shown at its own place")
        ),
        ForeignOption("-w --workdir", .same),
    ]
}
