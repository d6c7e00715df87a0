// Names of calls in a user's filter: what is newer than libseccomp counts, and what matches nothing is told of.

import BPF
import CSeccomp
import Glibc
import LinuxSystem
import SandboxPolicy
import Seccomp
import Testing

struct CallNameTests {
    /// A filter that refuses these calls and allows all others.
    private func denying(_ names: [String], _ more: String = "") throws -> FilterProfile {
        let list = names.map { "\"\($0)\"" }.joined(separator: ",")
        let json =
            #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["# + list
            + #"], "action": "SCMP_ACT_ERRNO""# + more + "}]}"
        return try FilterProfile(json: Array(json.utf8))
    }

    static let newest: [(String, UInt32)] = [
        ("cachestat", 451), ("fchmodat2", 452), ("map_shadow_stack", 453), ("futex_wake", 454), ("futex_wait", 455),
        ("futex_requeue", 456), ("statmount", 457), ("listmount", 458), ("lsm_get_self_attr", 459),
        ("lsm_set_self_attr", 460), ("lsm_list_modules", 461), ("mseal", 462), ("setxattrat", 463),
        ("getxattrat", 464), ("listxattrat", 465), ("removexattrat", 466), ("open_tree_attr", 467),
        ("file_getattr", 468), ("file_setattr", 469), ("listns", 470), ("rseq_slice_yield", 471),
    ]

    @Test(arguments: newest)
    func aCallNewerThanTheLibraryIsRefused(_ name: String, _ number: UInt32) throws {
        let program = try denying([name]).compiled(for: target())
        #expect(try program.verdict(on: SystemCall(number: number)) == refused)
        #expect(try program.verdict(on: SystemCall(number: number - 1)) == allow)
        // And is opened by its name.
        let opened = try denying([name]).compiled(for: target(allowed: [name]))
        #expect(try opened.verdict(on: SystemCall(number: number)) == allow)
        #expect(SystemCallName.of(number, architecture: SystemCall.nativeArchitecture) == name)
        #expect(SystemCallTable.x86_64.number(of: name) == number && SystemCallTable.aarch64.number(of: name) == number)
    }

    /// The library's word on every call that it knows, for both machines.
    @Test(arguments: [(SystemCallTable.x86_64, 0xc000_003e), (.aarch64, 0xc000_00b7)] as [(SystemCallTable, UInt32)])
    func theTablesAreTheLibrarys(_ table: SystemCallTable, _ architecture: UInt32) {
        var known = 0
        for (name, number) in table.numbers {
            let theirs = seccomp_syscall_resolve_name_arch(architecture, name)
            if theirs == __NR_SCMP_ERROR { continue }
            known += 1
            #expect(theirs == Int32(number), "\(name)")
        }
        #expect(known > 300)
        for number in 0...(600 as UInt32) {
            guard let name = seccomp_syscall_resolve_num_arch(architecture, Int32(number)) else { continue }
            defer { free(name) }
            #expect(table.name(of: number) == String(cString: name), "\(number)")
        }
    }

    @Test(arguments: ["mkdirr", "Mount", "SYS_mount", "mount ", "", "statmout", "457"])
    func aNameThatNobodyKnowsIsAnErrorInADenyList(_ name: String) throws {
        let profile = try denying(["mkdir", name])
        #expect(throws: FilterError.leftOpen(name)) { try profile.compiled(for: target()) }
        // Where all that is listed is all that is allowed, it stays refused.
        let limited = FilterTarget(
            capabilities: .standard, kernel: KernelVersion(major: 6, minor: 1), emulateRoot: false, only: ["read"])
        #expect(try profile.compiled(for: limited).verdict(on: SystemCall("mount")) == refused)
        #expect(try profile.warnings(for: limited).count == 1)
    }

    @Test func aNameThatNobodyKnowsIsAWarningInAnAllowList() throws {
        let json = #"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["#
        let profile = try FilterProfile(
            json: Array((json + #""read", "mkdirr", "riscv_hwprobe"], "action": "SCMP_ACT_ALLOW"}]}"#).utf8))
        #expect(try profile.compiled(for: target()).verdict(on: SystemCall("read")) == allow)
        #expect(
            try profile.warnings(for: target()) == [
                "these names are no system calls that are known here, and stay refused: \"mkdirr\""
            ])
    }

    @Test func aCallOfAnotherMachineAloneIsAWarningInADenyList() throws {
        let profile = try denying(["umount", "umount2", "socketcall"])
        #expect(try profile.compiled(for: target()).verdict(on: SystemCall("umount2")) == refused)
        #expect(
            try profile.warnings(for: target()) == [
                "this machine has no system calls of these names, so refusing them closes nothing: "
                    + "\"socketcall\", \"umount\""
            ])
        #expect(try denying(["mkdir"]).warnings(for: target()) == [])
    }

    @Test(arguments: ["default", "build", "strict"])
    func theInstalledFiltersGiveNoWarning(_ name: String) throws {
        let profile = try FilterProfile(json: try Files.read(Checkout.filter(name)))
        #expect(try profile.warnings(for: target()) == [])
    }

    @Test(arguments: [
        #", "includes": {"caps": ["CAP_SYS_ADMN"]}"#, #", "includes": {"arches": ["x86-64"]}"#,
        #", "includes": {"arches": ["SCMP_ARCH_X86_64"]}"#,
    ])
    func aConditionThatNobodyKnowsTakesNoRefusalOut(_ condition: String) throws {
        let profile = try denying(["mount"], condition)
        #expect(throws: FilterError.self) { try profile.compiled(for: target()) }
        // One that is known, and does not hold here, does.
        let other = try denying(["mount"], #", "includes": {"arches": ["s390x"]}"#)
        #expect(try other.compiled(for: target()).verdict(on: SystemCall("mount")) == allow)
    }

    @Test func anExceptionThatNobodyKnowsDoesNotWidenAnAllowingRule() throws {
        let rule =
            #"{"names": ["mount"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMN"]}}"#
        #expect(throws: FilterError.unknownCondition(kind: "capability", "CAP_SYS_ADMN")) { try program(rule) }
    }
}
