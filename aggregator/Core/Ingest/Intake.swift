internal import CPlatform
internal import CollectorProtocol
internal import Logging

/// Where connections leave what they received: the writers, and what WELCOME promises.
final class Intake: Sendable {
    private let writers: [Writer]
    private let aggregatorID: String
    private let budget: WindowBudget
    let logger: Logger

    /// Batches that may be on their way.
    private static let windowBatches: UInt32 = 256

    init(_ writers: [Writer], aggregatorID: String, _ budget: WindowBudget, logger: Logger) {
        self.writers = writers
        self.aggregatorID = aggregatorID
        self.budget = budget
        self.logger = logger
    }

    /// Hands a batch to the writer of its node: always the same, so that a node's rows never contend.
    func take(_ batch: QueuedBatch) {
        writers[Int(UInt32(bitPattern: batch.key.node)) % writers.count].mailbox.post(.batch(batch))
    }

    /// Looks an agent's streams up, behind the batches that are on their way.
    func register(_ hello: Hello, reply: @escaping @Sendable (Registration) -> Void) {
        writers[0].mailbox.post(.errand(.register(hello, reply: reply)))
    }

    /// Memory for an agent's batches; nil while too much of it is taken by connections that have ended.
    func grant(to agent: String) -> WindowBudget.Grant? { budget.grant(to: agent) }

    func welcome(_ registration: Registration, _ grant: WindowBudget.Grant) -> Welcome {
        Welcome(
            windowBytes: grant.window, windowBatches: Self.windowBatches,
            aggregatorID: aggregatorID, reference: registration.reference.bootID,
            referenceOffset: registration.reference.offset, streams: registration.streams.map(\.position))
    }
}
