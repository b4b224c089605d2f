import CPlatform
import Foundation
import Glibc
import Identity
import Testing

@testable import AgentCore

@Suite("The check of a host")
struct HostCheckTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "agent-check-\(UUID())")
        .path()

    /// A machine that lacks nothing.
    private static func whole() -> HostFacts {
        var facts = HostFacts()
        facts.kernel = "6.1.0-28-amd64"
        facts.capabilities = Capabilities(rawValue: .max)
        facts.isRoot = true
        facts.hasBPFFileSystem = true
        facts.bpfFolderMode = 0o755
        facts.clock = ps_clock_quality(maxerror_ns: 3_400_000, synchronised: 1)
        facts.kernelFile = { $0.hasSuffix("lockdown") ? "[none] integrity confidentiality\n" : "1\n" }
        return facts
    }

    private func settings() -> AgentConfiguration {
        var settings = AgentConfiguration()
        settings.agent = "host-a"
        settings.pinFolder = folder + "/pins"
        settings.state = folder + "/state"
        return settings
    }

    /// What the check says of `settings` on a machine that `change` has taken something from.
    private func check(
        _ change: (inout AgentConfiguration, inout HostFacts) throws -> Void
    ) rethrows -> HostCheck {
        var (settings, facts) = (settings(), Self.whole())
        try change(&settings, &facts)
        return HostCheck.run(settings, facts)
    }

    private static let root = SystemUser.name(0)

    @Test("approves each part of a machine that lacks nothing")
    func wholeMachine() throws {
        let check = check { settings, _ in
            settings.nodes = [.init(name: "n1", binary: "/proc/self/exe", match: .datadir("/x"))]
        }
        for line in [
            "ok      kernel 6.1.0-28-amd64\n", "ok      eBPF\n", "ok      uprobes\n",
            "ok      system call filters\n",
            "ok      privileges of `attach`: CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_SYS_ADMIN CAP_PERFMON CAP_BPF\n",
            "ok      BPF file system at /sys/fs/bpf\n", "ok      clock synchronised, maximum error 3 ms\n",
        ] { #expect(check.text.contains(line), "\(check.text)") }
    }

    @Test(
        "says what a kernel lacks and how to get it",
        arguments: [
            (
                "unprivileged_bpf_disabled",
                "LACKING eBPF in the kernel\n        → boot a kernel with CONFIG_BPF_SYSCALL"
            ),
            (
                "uprobe/type",
                "LACKING uprobes in the kernel\n        → boot a kernel with CONFIG_UPROBE_EVENTS"
            ),
            (
                "actions_avail",
                "LACKING system call filters in the kernel\n        → boot a kernel with CONFIG_SECCOMP_FILTER"
            ),
        ])
    func kernel(_ missing: String, _ expected: String) {
        let check = check { _, facts in facts.kernelFile = { $0.hasSuffix(missing) ? nil : "1\n" } }
        #expect(!check.passed && check.text.contains(expected), "\(check.text)")
    }

    @Test(
        "tells kernels apart",
        arguments: [
            ("4.19.0", "LACKING kernel 4.19.0 is too old\n        → 5.19 or newer"),
            ("5.15.0-91-generic", "note    kernel 5.15.0-91-generic: before 5.19, `run` needs CAP_BPF"),
            ("5.19.0", "ok      kernel 5.19.0\n"), ("unknown", "LACKING kernel unknown is too old"),
        ])
    func version(_ release: String, _ expected: String) {
        #expect(check { $1.kernel = release }.text.contains(expected))
    }

    @Test("says that a kernel in lockdown does not let eBPF read")
    func lockdown() {
        let check = check { $1.kernelFile = { _ in "none integrity [confidentiality]\n" } }
        #expect(check.text.contains("LACKING the kernel is locked down to `confidentiality`"))
        #expect(check.text.contains("→ boot with lockdown=integrity"))
    }

    @Test("names the capabilities that are missing, and how they are granted")
    func privileges() {
        let user = check { settings, facts in
            facts.isRoot = false
            facts.capabilities = [.bpf, .inspectProcesses]
            settings.nodes = [.init(name: "n1", binary: "/b", match: .unit("b.service"))]
        }
        #expect(
            user.text.contains(
                "LACKING privileges of `attach`, as whoever runs this check has them: CAP_SYS_ADMIN CAP_PERFMON\n"
                    + "        → start `attach` with sudo, or give its unit "
                    + "AmbientCapabilities=CAP_SYS_PTRACE CAP_SYS_ADMIN CAP_PERFMON CAP_BPF\n"),
            "\(user.text)")
        let contained = check { $1.capabilities = [.bpf, .inspectProcesses, .performanceMonitoring] }
        #expect(contained.text.contains("CAP_SYS_ADMIN\n        → they were taken from root here"))
    }

    @Test("knows of a BPF file system that is missing, closed, or holds another user's maps")
    func fileSystem() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let byRoot = check { $1.hasBPFFileSystem = false }
        #expect(byRoot.text.contains("note    no BPF file system at /sys/fs/bpf: `attach` mounts it"))
        let byUser = check {
            $1.hasBPFFileSystem = false
            $1.isRoot = false
        }
        #expect(
            byUser.text.contains(
                "LACKING a BPF file system at /sys/fs/bpf\n        → mount -t bpf bpf /sys/fs/bpf, as root"))
        let closed = check {
            $0.user = "nobody"
            $1.bpfFolderMode = 0o700
        }
        #expect(closed.text.contains("note    only root may enter /sys/fs/bpf (mode 700)"))
        #expect(closed.text.contains("note    no maps in \(folder)/pins yet"))
        try FileManager.default.createDirectory(atPath: folder + "/pins", withIntermediateDirectories: true)
        let foreign = check { settings, _ in settings.user = "nobody" }
        #expect(
            foreign.text.contains(
                "LACKING the maps in \(folder)/pins belong to \(SystemUser.name(getuid())), not to nobody\n"
                    + "        → restart `attach`"), "\(foreign.text)")
    }

    @Test("tells an unsynchronised clock without calling it a lack")
    func clock() {
        let check = check { $1.clock.synchronised = 0 }
        #expect(check.text.contains("note    the clock is not synchronised by chrony or ntpd"))
        #expect(!check.text.contains("LACKING the clock"))
    }

    @Test("says when the user is missing, is root, or is not there")
    func user() {
        #expect(check { _, _ in }.text.contains("note    no `user` is configured: the maps are root's"))
        #expect(
            check { settings, _ in settings.user = "nobody" }.text.contains("ok      user nobody for `run`\n")
        )
        let root = check { settings, _ in settings.user = Self.root }
        #expect(!root.passed && root.text.contains("LACKING `user` is root, who is root"))
        let absent = check { settings, _ in settings.user = "no-such-user" }
        #expect(
            absent.text.contains(
                "LACKING looking up user no-such-user: there is no such user\n        → create it with `useradd"
            ))
    }

    @Test("says whose the folder of spools is and who can look into it")
    func state() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(check { _, _ in }.text.contains("note    no folder \(folder)/state yet"))
        try IdentityFile.makeFolder(folder + "/state")
        #expect(check { _, _ in }.text.contains("ok      folder \(folder)/state\n"))
        unsafe chmod(folder + "/state", 0o755)
        #expect(
            check { _, _ in }.text.contains(
                "LACKING others can look into \(folder)/state, where captured events wait (mode 755)\n        → chmod 700 \(folder)/state"
            ))
        let foreign = check { settings, _ in settings.user = "nobody" }
        #expect(
            foreign.text.contains(
                "LACKING \(folder)/state belongs to \(SystemUser.name(getuid())), not to nobody\n        → chown -R nobody"
            ))
    }

    // MARK: Keys and certificates

    /// Writes what `enroll` would, and what the check says of it.
    private func identity(
        _ material: AgentMaterial, key: String? = nil, authority: String? = nil,
        _ change: (inout AgentConfiguration) throws -> Void = { _ in }
    ) throws -> HostCheck {
        try IdentityFile.makeFolder(folder)
        for (name, pem) in [
            ("ca.crt", authority ?? material.authority), ("agent.crt", material.certificate),
            ("agent.key", key ?? material.key),
        ] { try IdentityFile.write(pem, to: folder + "/" + name, .secret) }
        return try check { settings, _ in
            var tls = TLSSettings()
            tls.set(
                authority: folder + "/ca.crt", certificate: folder + "/agent.crt", key: folder + "/agent.key")
            settings.tls = tls
            settings.nodes = [.init(name: "n1", binary: "/b", match: .any)]
            try change(&settings)
        }
    }

    @Test("approves a certificate with its names and its end")
    func certificate() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let check = try identity(AgentMaterial(until: 86400))
        #expect(
            check.text.contains(
                /ok      certificate [0-9a-f]+ of agent host-a with node n1, valid until 20\S+Z\n/),
            "\(check.text)")
        let ending = try identity(AgentMaterial(from: -7200, until: 60))
        #expect(
            ending.text.contains(
                /note    certificate .*: it ends soon\n        → `peerscope-aggregator enroll`/))
    }

    @Test("says what is wrong with a certificate, a key or an authority")
    func wrongCertificate() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let good = try AgentMaterial()
        let cases: [(String, HostCheck)] = [
            ("expired at", try identity(AgentMaterial(from: -7200, until: -60))),
            ("is not valid before", try identity(AgentMaterial(from: 600, until: 7200))),
            (
                "this agent is called host-a, and its certificate",
                try identity(AgentMaterial(agent: "host-b"))
            ),
            (
                "and not for n2",
                try identity(good) { $0.nodes.append(.init(name: "n2", binary: "/c", match: .any)) }
            ),
            ("it is not the key of \(folder)/agent.crt", try identity(good, key: AgentMaterial().key)),
            (
                "is not signed by the authority in tls_ca",
                try identity(good, authority: AgentMaterial().authority)
            ),
            (
                "reading the private key in \(folder)/agent.key: it is no private key in PEM",
                try identity(good, key: "x")
            ),
        ]
        for (expected, check) in cases {
            let line = check.text.split(separator: "\n").first { $0.contains(expected) }
            #expect(!check.passed && line?.hasPrefix("LACKING ") == true, "\(expected): \(check.text)")
        }
        let lax = try identity(good) { _ in unsafe chmod(folder + "/agent.key", 0o644) }
        #expect(
            lax.text.contains(
                "it holds a private key, and anybody can get at it: its mode is 644\n        → chmod 600 \(folder)/agent.key"
            ))
        let absent = try identity(good) { _ in unsafe unlink(folder + "/agent.crt") }
        #expect(
            absent.text.contains(
                "LACKING reading \(folder)/agent.crt: No such file or directory\n        → check the path"))
        for check in cases.map(\.1) + [lax, absent] {
            #expect(!check.text.contains(good.key.split(separator: "\n")[1]))
        }
    }

    @Test("says which file the agent's user cannot read, and why")
    func unreadable() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let closed = try identity(AgentMaterial()) { $0.user = "nobody" }
        #expect(
            closed.text.contains(
                "note    user nobody cannot read \(folder)/agent.key, since \(folder) is closed\n        → chmod o+x \(folder)"
            ),
            "\(closed.text)")
        let files = try identity(AgentMaterial()) {
            $0.user = "nobody"
            unsafe chmod(folder, 0o755)
        }
        #expect(files.text.contains("note    user nobody cannot read \(folder)/ca.crt\n        → chmod o+r"))
        #expect(
            files.text.contains("note    user nobody cannot read \(folder)/agent.key\n        → chown nobody")
        )
    }

    @Test("says what plaintext means where the aggregator is")
    func plaintext() {
        func text(_ aggregator: String, insecure: Bool = false) -> String {
            check { settings, _ in
                settings.aggregator = aggregator
                settings.isInsecure = insecure
            }.text
        }
        #expect(
            text("127.0.0.1:9735").contains(
                "note    no certificate: plaintext to an aggregator on this host\n"))
        #expect(
            text("192.0.2.1:9735").contains(
                "LACKING a certificate for the aggregator at 192.0.2.1:9735\n        → enroll"))
        #expect(
            text("192.0.2.1:9735", insecure: true).contains("note    INSECURE: events go to 192.0.2.1:9735"))
        #expect(
            text("192.0.2.1").contains(
                "LACKING reading the aggregator's address \"192.0.2.1\": it has no port"))
    }

    // MARK: Nodes

    @Test("looks at each node's binary and its process")
    func nodes() {
        #expect(
            check { _, _ in }.text.contains("LACKING no node is configured\n        → add one under `nodes`"))
        let nodes = check { settings, _ in
            settings.nodes = [
                .init(name: "absent", binary: "/nonexistent/bitcoind", match: .any),
                .init(name: "other", binary: "/bin/sh", match: .any),
            ]
        }
        #expect(
            nodes.text.contains(
                "LACKING node absent: reading the tracepoints of /nonexistent/bitcoind: No such file or directory\n        → "
            ))
        #expect(
            nodes.text.contains(
                "LACKING node other: /bin/sh has no tracepoints\n        → use a release build of Bitcoin Core"
            ))
    }
}
