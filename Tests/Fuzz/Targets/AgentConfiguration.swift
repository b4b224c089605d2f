import AgentCore
import ByteCodec
import Fuzzer
import Glibc

/// An agent's configuration file.
@main
enum ConfigurationFile {
    static func main() {
        // A file in memory, and nobody else's: its name is gone at once.
        let name = "/dev/shm/peerscope-fuzz-\(getpid()).yaml"
        let file = unsafe open(name, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        precondition(file >= 0, "/dev/shm can be written")
        unsafe unlink(name)
        let path = "/proc/self/fd/\(file)"
        fuzz { input in
            ftruncate(file, 0)
            let written = unsafe input.withUnsafeBytes { unsafe pwrite(file, $0.baseAddress, $0.count, 0) }
            precondition(written == input.byteCount)
            var configuration = AgentConfiguration()
            do throws(AgentError) {
                try AgentConfigurationFile.apply(path, to: &configuration)
                try configuration.complete()
            } catch {
                precondition(!error.description.isEmpty && error.remedy != nil, "it says what to do")
                return
            }
            // What is accepted keeps its promises.
            precondition(configuration.nodes.count <= 64 && !configuration.agent.isEmpty)
            precondition(configuration.nodes.allSatisfy { $0.binary.utf8.first == UInt8(ascii: "/") })
            precondition(Set(configuration.nodes.map(\.name)).count == configuration.nodes.count)
            precondition((1...60_000).contains(configuration.spoolInterval))
            precondition(configuration.spoolBytes >= 1 << 20)
            precondition(
                configuration.policy.snaplens.values.allSatisfy { $0 <= CapturePolicy.largestSnaplen })
        }
    }
}
