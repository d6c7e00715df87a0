// What of the kernel's own file systems is hidden or made read-only: what container engines hide (Docker's and podman's
// defaults), and the reason where it is not plain.

/// A file or folder of one of the sandbox's kernel file systems, found from that file system's own mount.
public struct KernelPart: Equatable, Sendable {
    /// Where the file system is mounted.
    public var mount: String
    /// Beneath it.
    public var name: String
    public var isFolder: Bool
    /// Every kernel has it: that it is not there is an error. The others come with drivers and settings of the kernel's.
    public var isRequired: Bool

    public var path: String { mount + "/" + name }

    static func proc(_ name: String, isFolder: Bool = false, isRequired: Bool = false) -> KernelPart {
        KernelPart(mount: "/proc", name: name, isFolder: isFolder, isRequired: isRequired)
    }
    static func sys(_ name: String, isRequired: Bool = false) -> KernelPart {
        KernelPart(mount: "/sys", name: name, isFolder: true, isRequired: isRequired)
    }
}

extension LaunchPlan {
    /// Files of proc(5) that tell about the host or reach it, and that everybody may read.
    public static let maskedInProc: [KernelPart] = [
        .proc("acpi", isFolder: true), .proc("asound", isFolder: true), .proc("scsi", isFolder: true),
        // Counts by which keys that are typed elsewhere can be told.
        .proc("interrupts", isRequired: true),
        .proc("keys"),
    ]
    /// The same of sysfs(5).
    static let maskedInSys: [KernelPart] = [
        .sys("firmware", isRequired: true),
        // What the processor consumes, by which secrets of other programs can be told.
        .sys("devices/virtual/powercap"),
        .sys("dev/block"), .sys("fs/selinux"),
    ]
    /// A folder of each processor's own: when it was slowed down, and how often, tells what others do.
    static let maskedOfProcessors = "thermal_throttle"
    /// Parts of proc(5) that can be read, not written.
    public static let protectedInProc: [KernelPart] = ["bus", "fs", "irq", "sys"].map {
        .proc($0, isFolder: true, isRequired: true)
    }
}
