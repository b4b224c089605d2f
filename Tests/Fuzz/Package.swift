// swift-tools-version: 6.2
import PackageDescription

// The fuzz targets: a package of their own, so that `swift build` of the project knows nothing of them. Modules/ links
// to the project's sources, which are compiled here with the fuzzer's instrumentation. The dependencies are the
// project's own checkouts, so that both use the same versions. See run.sh.

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]
let sanitizers = "-sanitize=fuzzer,address"
let instrumented = strict + [.unsafeFlags([sanitizers])]

/// A module of the project.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Modules/\(name)", swiftSettings: instrumented)
}

/// A fuzz target: a Swift file of Targets/.
func fuzzTarget(
    _ name: String, _ sources: [String], without exclude: [String] = [], _ dependencies: [Target.Dependency]
) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies + ["Fuzzer"], path: "Targets", exclude: exclude,
        sources: sources,
        swiftSettings: instrumented + [.unsafeFlags(["-parse-as-library"])],
        linkerSettings: [.unsafeFlags([sanitizers, "-use-ld=lld"])])
}

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

let package = Package(
    name: "fuzz",
    dependencies: [
        .package(path: "../../.build/checkouts/swift-crypto"),
        .package(path: "../../.build/checkouts/swift-log"),
        .package(path: "../../.build/checkouts/Yams"),
    ],
    targets: [
        module("ByteCodec"),
        module("BitcoinP2P", ["ByteCodec", crypto]),
        .target(name: "CPlatform", path: "Modules/CPlatform"),
        module("Tracepoints", ["ByteCodec"]),
        module("CollectorProtocol", ["ByteCodec", "CPlatform", "Tracepoints"]),
        module("Spool", ["ByteCodec", "CollectorProtocol", "CPlatform"]),
        .systemLibrary(name: "CLibpq", path: "Modules/CLibpq", pkgConfig: "libpq"),
        module("PostgreSQL", ["CLibpq", "CPlatform"]),
        // Of identities only the files, which need no certificates.
        .target(
            name: "Identity", path: "Modules/Identity",
            sources: ["IdentityError.swift", "IdentityFile.swift"],
            swiftSettings: instrumented),
        // Of the agent only what reads its configuration.
        .target(
            name: "AgentCore", dependencies: ["CPlatform", "Identity", "Tracepoints", yams],
            path: "Modules/AgentCore",
            sources: [
                "AgentError.swift", "Attach/CapturePolicy.swift", "Attach/ProcessMatch.swift",
                "Configuration",
                "Files.swift",
            ],
            swiftSettings: instrumented),

        .systemLibrary(name: "CFuzzer", path: "CFuzzer"),
        .target(name: "Fuzzer", dependencies: ["CFuzzer"], path: "Fuzzer", swiftSettings: strict),

        .target(
            name: "Framing", dependencies: ["ByteCodec", "CollectorProtocol"], path: "Framing",
            swiftSettings: strict),

        fuzzTarget("fuzz-p2p", ["P2P.swift", "Fields"], ["BitcoinP2P", "ByteCodec"]),
        fuzzTarget("fuzz-wire", ["Wire.swift"], ["ByteCodec", "CollectorProtocol", "Framing"]),
        fuzzTarget("fuzz-spool", ["Spool.swift"], ["ByteCodec", "CollectorProtocol", "Framing", "Spool"]),
        // Of the aggregator what makes rows of batches; in this module, since none of it is public.
        fuzzTarget(
            "fuzz-ingest",
            [
                "Ingest.swift", "AggregatorCore/AggregatorError.swift", "AggregatorCore/Decode",
                "AggregatorCore/Store",
            ],
            without: ["AggregatorCore/Store/WriterPool.swift"],
            [
                "BitcoinP2P", "ByteCodec", "CPlatform", "CollectorProtocol", "Framing", "PostgreSQL",
                "Tracepoints",
                log,
            ]),
        fuzzTarget("fuzz-agent-configuration", ["AgentConfiguration.swift"], ["AgentCore", "ByteCodec"]),
    ]
)
