import AgentCore
import ArgumentParser

struct AttachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Attach the eBPF programs and tell which process is which node (privileged).",
        discussion: """
            Needs root, or CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN. Opens no socket and reads no payload. Says \
            `ready` when everything configured is attached and every running process is classified.
            """)

    @OptionGroup var common: CommonOptions

    func run() throws {
        try failing {
            var settings = try common.settings()
            // What has no network needs no key.
            settings.tls = nil
            try settings.complete()
            let stop = StopSignal()
            stop.listen()
            let attacher = try Attacher(settings, log: logger())
            try attacher.run(until: stop)
            // Detaching may take the kernel seconds; it does so without us.
            AgentExit.now(0)
        }
    }
}
