// Which ids exist inside, and what they are outside (user_namespaces(7), subuid(5)).

public import SandboxPolicy

/// The maps of the sandbox's user namespace.
public struct IdentityMap: Equatable, Sendable {
    public enum Writer: Equatable, Sendable {
        /// One id: the child writes it itself.
        case child
        /// The set-user-id programs newuidmap(1) and newgidmap(1), at these paths.
        case helpers(uid: String, gid: String)
        /// The launcher itself, which is root.
        case launcher
    }
    public var mode: IdentityMode
    public var uids: [IDRange]
    public var gids: [IDRange]
    public var writer: Writer

    /// Whether one of its ids is this owner's or group's: then its id 0 has rights over what has them (capabilities(7)).
    public func has(user: UInt32, group: UInt32) -> Bool {
        uids.contains { $0.contains(outside: user) } || gids.contains { $0.contains(outside: group) }
    }

    /// Chooses the map: a range where the caller may have one, else one id. In a namespace of one id setgroups(2) is refused,
    /// which taking a range needs.
    /// - Throws: where a range was asked for and can't be had.
    public init(_ choice: IdentityChoice, _ facts: Facts) throws(PolicyError) {
        let isAlone = Self.isAlone(facts)
        if choice == .single || (choice == .auto && isAlone) {
            self = Self.single(facts)
            return
        }
        if facts.uid == 0, facts.givesIDs, !isAlone {
            self.init(
                mode: .range, uids: Self.same(facts.ownUIDs), gids: Self.same(facts.ownGIDs), writer: .launcher)
            return
        }
        if facts.uid != 0, let helpers = facts.mapHelpers, let uids = facts.subordinateUIDs.first,
            let gids = facts.subordinateGIDs.first
        {
            self.init(
                mode: .range,
                uids: [
                    IDRange(inside: 0, outside: facts.uid, count: 1),
                    IDRange(inside: 1, outside: uids.first, count: min(uids.count, 65536)),
                ],
                gids: [
                    IDRange(inside: 0, outside: facts.gid, count: 1),
                    IDRange(inside: 1, outside: gids.first, count: min(gids.count, 65536)),
                ],
                writer: .helpers(uid: helpers.uid, gid: helpers.gid))
            return
        }
        guard choice == .range else {
            self = Self.single(facts)
            return
        }
        if facts.uid == 0, !isAlone {
            throw PolicyError(
                "--id-map range needs CAP_SETUID, CAP_SETGID and CAP_SETFCAP, which this root does not have")
        }
        let why = Self.whyOne(facts)
        throw PolicyError("--id-map range: " + (why?.line ?? "there is no range") + ", or use --id-map single")
    }

    /// Inside another sandbox there may be but one id to give.
    private static func isAlone(_ facts: Facts) -> Bool { facts.uid == 0 && facts.ownUIDs.allSatisfy { $0 == (0, 1) } }

    /// Why this caller gets one id and no range; nil where it gets one.
    public static func whyOne(_ facts: Facts) -> Diagnosis? {
        if facts.uid == 0 {
            if !isAlone(facts) { return nil }
            return Diagnosis(
                "this process is root of a user namespace that has no other id, as `unshare -r` makes it",
                Remedy("start it outside of that"))
        }
        // overflowuid of proc_sys_kernel(5).
        if facts.uid == 65534, facts.subordinateUIDs.isEmpty {
            return Diagnosis(
                "this process's user has no id here, as after `unshare -U`", Remedy("start it as a user who has one"))
        }
        if facts.mapHelpers == nil { return helperDiagnosis(facts.helperFault) }
        guard facts.subordinateUIDs.isEmpty || facts.subordinateGIDs.isEmpty else { return nil }
        let range = "\(facts.freeSubordinate)-\(facts.freeSubordinate + 65535)"
        return Diagnosis(
            "\(quoted(facts.userName)) has no subordinate ids in /etc/subuid and /etc/subgid",
            Remedy(
                "as root",
                ["usermod --add-subuids \(range) --add-subgids \(range) \(shellWord(facts.userName))"]))
    }

    private static func helperDiagnosis(_ fault: HelperFault) -> Diagnosis {
        switch fault {
        case .missing:
            Diagnosis(
                "it needs newuidmap and newgidmap, which are not installed",
                Remedy(
                    "install the package uidmap (shadow-utils, shadow elsewhere), as root", ["apt-get install uidmap"])
            )
        case .powerless(let path):
            Diagnosis(
                "\(quoted(path)) has neither the set-user-id bit nor file capabilities, and can't map ids without",
                Remedy("as root", ["chmod u+s \(shellWord(path))"]))
        case .noNewPrivileges:
            Diagnosis(
                "newuidmap gains no rights here: this process runs with no_new_privs, as inside of another sandbox",
                Remedy("start it outside of that"))
        }
    }

    private init(mode: IdentityMode, uids: [IDRange], gids: [IDRange], writer: Writer) {
        self.mode = mode
        self.uids = uids
        self.gids = gids
        self.writer = writer
    }

    /// Ids that are the same inside and outside, as far as 65535.
    private static func same(_ runs: [(first: UInt32, count: UInt32)]) -> [IDRange] {
        runs.filter { $0.first < 65536 }.map {
            IDRange(inside: $0.first, outside: $0.first, count: min($0.count, 65536 - $0.first))
        }
    }

    private static func single(_ facts: Facts) -> IdentityMap {
        IdentityMap(
            mode: .single, uids: [IDRange(inside: 0, outside: facts.uid, count: 1)],
            gids: [IDRange(inside: 0, outside: facts.gid, count: 1)], writer: .child)
    }

    /// Whether a process inside can have this user id.
    public func hasUser(_ id: UInt32) -> Bool { uids.contains { id >= $0.inside && id - $0.inside < $0.count } }

    /// In one sentence, what id 0 inside is outside.
    public func rootOutside(_ facts: Facts) -> String {
        if facts.uid == 0, facts.machineRoot == 0 {
            return "id 0 inside is root (0) outside: only namespaces, capabilities and the filter hold it"
        }
        return "id 0 inside is \(facts.userName) (\(facts.uid)) outside"
    }
}
