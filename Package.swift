// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// What every Swift target is built with: warnings are errors, and the language features of the next mode are on.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // Every module sees the C library as CLinux does; otherwise struct layouts "differ in different modules".
    .unsafeFlags(["-Xcc", "-D_GNU_SOURCE"]),
]

/// ISA-L inflates twice as fast as zlib, and does not exist for all machines.
let hasIsal = FileManager.default.fileExists(atPath: "/usr/include/isa-l.h")

let package = Package(
    name: "sandbox",
    products: [
        .executable(name: "sandbox", targets: ["sandbox"]),
        .executable(name: "sandbox-manage", targets: ["sandbox-manage"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
    ],
    targets: [
        // The system calls and libraries below everything else.
        .target(name: "CLinux"),
        .systemLibrary(name: "CCap", providers: [.apt(["libcap-dev"])]),
        .systemLibrary(name: "CSeccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CArchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CCrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CIsal", providers: [.apt(["libisal-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .target(
            name: "CToml", cxxSettings: [.define("TOML_EXCEPTIONS", to: "0")],
            linkerSettings: [.linkedLibrary("stdc++")]),
        .target(
            name: "LinuxSystem", dependencies: ["ByteText", "CLinux"],
            swiftSettings: strict + [.strictMemorySafety()]),

        // Pure: no system calls, tested without privileges.
        .target(name: "ByteText", swiftSettings: strict),
        .target(name: "SandboxPolicy", dependencies: ["ByteText"], swiftSettings: strict),
        .target(name: "BPF", swiftSettings: strict),
        .target(name: "LaunchPlan", dependencies: ["ByteText", "SandboxPolicy"], swiftSettings: strict),
        .target(name: "Observations", dependencies: ["BPF", "SandboxPolicy"], swiftSettings: strict),
        .target(name: "ImageFormat", dependencies: ["SandboxPolicy"], swiftSettings: strict),

        // The launcher: static, no Foundation.
        .target(
            name: "Launcher",
            dependencies: ["ByteText", "LinuxSystem", "LaunchPlan", "Observations", "SandboxPolicy", "BPF", "CCap"],
            swiftSettings: strict),
        .executableTarget(
            name: "sandbox",
            dependencies: [
                "ByteText", "Launcher", "LaunchPlan", "Observations", "BPF", "SandboxPolicy", "LinuxSystem",
            ],
            swiftSettings: strict,
            linkerSettings: [.unsafeFlags(["-static-executable"])]),

        // The manager: dynamic, convenience before microseconds.
        .target(
            name: "Seccomp", dependencies: ["BPF", "CSeccomp", "LinuxSystem", "SandboxPolicy"], swiftSettings: strict),
        .target(
            name: "Decompression",
            dependencies: ["LinuxSystem", "CArchive", "CZlib", "CZstd"] + (hasIsal ? ["CIsal"] : []),
            swiftSettings: strict + [.strictMemorySafety()] + (hasIsal ? [.define("HAS_ISAL")] : [])),
        .target(
            name: "Confinement", dependencies: ["BPF", "LinuxSystem", "SandboxPolicy"], swiftSettings: strict),
        .target(name: "Checksums", dependencies: ["SandboxPolicy", "CCrypto"], swiftSettings: strict),
        .target(
            name: "ImageStore",
            dependencies: [
                "ByteText", "LinuxSystem", "SandboxPolicy", "ImageFormat", "Checksums", "Decompression", "CArchive",
            ],
            swiftSettings: strict),
        .target(
            name: "Reports", dependencies: ["BPF", "Observations", "SandboxPolicy", "Seccomp"],
            swiftSettings: strict),
        .target(name: "Toml", dependencies: ["ByteText", "CToml"], swiftSettings: strict),
        .target(
            name: "ImageLayout",
            dependencies: ["ImageFormat", "LinuxSystem", "SandboxPolicy", "Checksums", "Decompression"],
            swiftSettings: strict),
        .target(
            name: "Profiles", dependencies: ["ByteText", "Checksums", "LinuxSystem", "SandboxPolicy", "Toml"],
            swiftSettings: strict),
        .target(
            name: "Registry", dependencies: ["ImageFormat", "LinuxSystem", "SandboxPolicy", "Toml", "CCurl"],
            swiftSettings: strict),
        .executableTarget(
            name: "sandbox-manage",
            dependencies: [
                "ImageStore", "ImageFormat", "ImageLayout", "Registry", "Profiles", "Seccomp", "Reports", "BPF",
                "Launcher", "LaunchPlan", "Confinement",
                "Observations", "SandboxPolicy",
                "LinuxSystem",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        .testTarget(name: "BPFTests", dependencies: ["BPF"], swiftSettings: strict),
        .testTarget(name: "LaunchPlanTests", dependencies: ["LaunchPlan", "SandboxPolicy"], swiftSettings: strict),
        .testTarget(name: "ImageFormatTests", dependencies: ["ImageFormat", "SandboxPolicy"], swiftSettings: strict),
        .testTarget(
            name: "ImageLayoutTests",
            dependencies: ["ImageLayout", "Checksums", "ImageFormat", "LinuxSystem", "SandboxPolicy"],
            swiftSettings: strict),
        .testTarget(
            name: "ImageStoreTests", dependencies: ["ImageStore", "Checksums", "LinuxSystem", "SandboxPolicy"],
            swiftSettings: strict),
        .testTarget(name: "DecompressionTests", dependencies: ["Decompression"], swiftSettings: strict),
        // A folder with a root file system, and the built binary started in it.
        .target(name: "TestWorld", dependencies: ["LinuxSystem"], path: "Tests/TestWorld", swiftSettings: strict),
        // Runs the built binary and looks at the world from inside.
        .testTarget(
            name: "LauncherTests", dependencies: ["TestWorld", "LinuxSystem", "SandboxPolicy"],
            exclude: ["decisions.c", "refuse-calls.py"],
            swiftSettings: strict),
        // Ways out of a sandbox, each tried, and each seen to work where the protection is off.
        .testTarget(
            name: "AdversarialTests", dependencies: ["TestWorld", "LinuxSystem", "SandboxPolicy"],
            exclude: ["programs", "started-by-root"], swiftSettings: strict),
        // Kills, full disks and crowds, against the built binaries.
        .testTarget(name: "ImageFaultTests", dependencies: ["LinuxSystem"], swiftSettings: strict),
        .testTarget(
            name: "ReportsTests", dependencies: ["Reports", "Observations", "Seccomp", "BPF", "SandboxPolicy"],
            swiftSettings: strict),
        .testTarget(name: "TomlTests", dependencies: ["Toml"], swiftSettings: strict),
        .testTarget(
            name: "RegistryTests",
            dependencies: ["Registry", "ImageFormat", "SandboxPolicy", "LinuxSystem", "Checksums", "CCurl"],
            exclude: ["fake-registry.py"],
            swiftSettings: strict),
        .testTarget(name: "SandboxPolicyTests", dependencies: ["ByteText", "SandboxPolicy"], swiftSettings: strict),
        .testTarget(
            name: "ProfilesTests", dependencies: ["Profiles", "SandboxPolicy", "LinuxSystem"], swiftSettings: strict),
        .testTarget(
            name: "SeccompTests", dependencies: ["Seccomp", "BPF", "CSeccomp", "SandboxPolicy", "LinuxSystem"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
