import AgentCore
import ArgumentParser

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say what this machine lacks for capturing with eBPF, and how to get it.")

    @OptionGroup var common: CommonOptions

    func run() throws {
        try failing {
            var settings = try common.settings()
            try settings.complete()
            let report = HostCheck.run(settings)
            print(report.text, terminator: "")
            if !report.passed { throw ExitCode(1) }
        }
    }
}
