// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let x509: [Target.Dependency] = [
    .product(name: "X509", package: "swift-certificates"),
    .product(name: "SwiftASN1", package: "swift-asn1"),
]
let tls: [Target.Dependency] = [
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
    .product(name: "NIOTLS", package: "swift-nio"),
]
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]

let package = Package(
    name: "peerscope",
    products: [
        .executable(name: "peerscope", targets: ["peerscope"]),
        .executable(name: "peerscope-agent", targets: ["peerscope-agent"]),
        .executable(name: "peerscope-aggregator", targets: ["peerscope-aggregator"]),
        .executable(name: "tracepoint-replay", targets: ["tracepoint-replay"]),
        .executable(name: "tracepoint-replay-v27", targets: ["tracepoint-replay-v27"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C, and nothing that Swift can express.
        .systemLibrary(name: "CLibbpf", pkgConfig: "libbpf"),
        .systemLibrary(name: "CLibelf", pkgConfig: "libelf"),
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq"),
        .target(name: "CPlatform"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib"),
        .target(name: "CProbes"),
        .target(name: "CProbesV27"),
        .target(name: "CRecord", path: "agent/bpf", exclude: ["capture.bpf.c"], publicHeadersPath: "."),

        // What both sides share.
        .target(name: "ByteCodec", swiftSettings: strict),
        .target(name: "BitcoinP2P", dependencies: ["ByteCodec", crypto], swiftSettings: strict),
        .target(name: "Tracepoints", dependencies: ["ByteCodec"], swiftSettings: strict),
        .target(
            name: "CollectorProtocol", dependencies: ["ByteCodec", "CPlatform", "Tracepoints"],
            swiftSettings: strict),
        .target(
            name: "Spool", dependencies: ["ByteCodec", "CollectorProtocol", "CPlatform"],
            swiftSettings: strict),
        .target(
            name: "BPF",
            dependencies: ["CLibbpf", "CLibelf", "CRecord", "CPlatform", "CaptureProgram", "Tracepoints"],
            swiftSettings: strict),
        .target(
            name: "CaptureProgram", path: "agent/CaptureProgram", swiftSettings: strict,
            plugins: ["CompileBPF"]),
        .executableTarget(name: "compile-bpf", path: "agent/Plugin/compile-bpf", swiftSettings: strict),
        .plugin(
            name: "CompileBPF", capability: .buildTool(), dependencies: ["compile-bpf"],
            path: "agent/Plugin/CompileBPF"),
        .target(name: "PostgreSQL", dependencies: ["CLibpq", "CPlatform"], swiftSettings: strict),
        .target(name: "Telemetry", dependencies: [log], swiftSettings: strict),
        .target(name: "Identity", dependencies: ["CollectorProtocol"] + x509, swiftSettings: strict),

        .target(name: "CaptureFormat", dependencies: ["CZlib"], swiftSettings: strict),

        // What tests put in the place of disks, clocks and networks.
        .target(
            name: "CollectorTesting", dependencies: ["ByteCodec", "Spool"] + nio, swiftSettings: strict),

        // The agent.
        .target(
            name: "AgentCore",
            dependencies: [
                "BPF", "CRecord", "CaptureFormat", "ByteCodec", "CPlatform", "CollectorProtocol", "Identity",
                "Spool", "Telemetry", "Tracepoints",
                crypto, log, yams,
            ] + nio + tls + x509,
            path: "agent/Core", swiftSettings: strict),
        .executableTarget(
            name: "peerscope-agent", dependencies: ["AgentCore", "Telemetry", argumentParser, log],
            path: "agent/Command", swiftSettings: strict),

        // The aggregator.
        .target(
            name: "AggregatorCore",
            dependencies: [
                "BitcoinP2P", "ByteCodec", "CPlatform", "CollectorProtocol", "Identity", "PostgreSQL",
                "Telemetry", "Tracepoints", crypto, log, yams,
            ] + nio + tls + x509,
            path: "aggregator/Core", swiftSettings: strict),
        .executableTarget(
            name: "peerscope-aggregator",
            dependencies: ["AggregatorCore", "PostgreSQL", "Telemetry", argumentParser, log],
            path: "aggregator/Command", swiftSettings: strict),

        // The operator's command line, and the stand-in node.
        .executableTarget(
            name: "peerscope", dependencies: ["PostgreSQL", argumentParser, crypto],
            // Part of the program, so that it is found wherever the program is, and always fits it.
            resources: [.embedInCode("Export/parquet_writer.py")], swiftSettings: strict),
        .target(
            name: "TracepointReplayCore", dependencies: ["CPlatform", "CaptureFormat", argumentParser],
            swiftSettings: strict),
        .executableTarget(
            name: "tracepoint-replay", dependencies: ["CProbes", "TracepointReplayCore", argumentParser],
            swiftSettings: strict),
        .executableTarget(
            name: "tracepoint-replay-v27",
            dependencies: ["CProbesV27", "TracepointReplayCore", argumentParser],
            swiftSettings: strict),
        .testTarget(
            name: "TracepointReplayTests",
            dependencies: [
                "CProbes", "CProbesV27", "CZlib", "CaptureFormat", "TracepointReplayCore", "Tracepoints",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "BPF", "CollectorTesting",
                "peerscope", "peerscope-agent", "peerscope-aggregator", "tracepoint-replay",
                "tracepoint-replay-v27",
            ], swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),
        .testTarget(
            name: "BPFTests", dependencies: ["BPF", "CPlatform", "CProbes", "CRecord", "Tracepoints"],
            swiftSettings: strict),
        .testTarget(
            name: "SpoolTests",
            dependencies: ["ByteCodec", "CollectorProtocol", "CollectorTesting", "Spool"],
            swiftSettings: strict),
        .testTarget(
            name: "CollectorTestingTests", dependencies: ["ByteCodec", "CollectorTesting", "Spool"] + nio,
            swiftSettings: strict),
        .testTarget(
            name: "AgentCoreTests",
            dependencies: [
                "AgentCore", "ByteCodec", "CRecord", "CaptureFormat", "CollectorProtocol",
                "CollectorTesting", "Identity", "Spool", "Tracepoints",
                crypto, log,
            ] + nio + x509,
            swiftSettings: strict),

        .testTarget(
            name: "IdentityTests", dependencies: ["Identity", crypto] + x509, swiftSettings: strict),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry"], swiftSettings: strict),
        .testTarget(name: "PostgreSQLTests", dependencies: ["PostgreSQL"], swiftSettings: strict),
        .testTarget(name: "ByteCodecTests", dependencies: ["ByteCodec"], swiftSettings: strict),
        .testTarget(
            name: "CollectorProtocolTests", dependencies: ["ByteCodec", "CollectorProtocol", "Tracepoints"],
            swiftSettings: strict),
        .testTarget(
            name: "AggregatorCoreTests",
            dependencies: [
                "AggregatorCore", "BitcoinP2P", "ByteCodec", "CPlatform", "CollectorProtocol", "Identity",
                "PostgreSQL", "Tracepoints", "peerscope-aggregator",
                crypto, log,
            ] + nio + tls + x509,
            swiftSettings: strict),

        .testTarget(
            name: "BitcoinP2PTests", dependencies: ["BitcoinP2P", "ByteCodec"], swiftSettings: strict),
        .testTarget(
            name: "PeerscopeTests", dependencies: ["peerscope", "PostgreSQL", argumentParser],
            swiftSettings: strict),

        // Benchmarks.
        .executableTarget(
            name: "peerscope-load",
            dependencies: [
                "AggregatorCore", "BitcoinP2P", "ByteCodec", "CaptureFormat", "CollectorProtocol",
                "Tracepoints", argumentParser, crypto,
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ] + nio + tls + x509,
            path: "Tests/Benchmarks/Load", swiftSettings: strict),
        // What a user would take instead.
        .executableTarget(
            name: "peerscope-peers", dependencies: ["CLibpq"], path: "Tests/Benchmarks/Peers"),
    ]
)
