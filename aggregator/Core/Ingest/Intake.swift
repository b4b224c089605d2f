internal import CPlatform
internal import CollectorProtocol
internal import Logging
internal import NIOCore
internal import Synchronization

/// Where connections leave what they received: the writers, and what WELCOME promises.
final class Intake: Sendable {
    private let writers: [Writer]
    private let limits: IntakeLimits
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    init(_ writers: [Writer], _ limits: IntakeLimits) {
        self.writers = writers
        self.limits = limits
    }

    /// Hands a batch to the writer of its node: always the same, so that a node's rows never contend.
    func take(_ batch: QueuedBatch) {
        writers[Int(UInt32(bitPattern: batch.key.node)) % writers.count].mailbox.post(.batch(batch))
    }

    /// Looks an agent's streams up, behind the batches that are on their way.
    func register(_ hello: Hello, reply: @escaping @Sendable (Registration) -> Void) {
        writers[0].mailbox.post(.errand(.register(hello, reply: reply)))
    }

    func welcome(_ registration: Registration) -> Welcome {
        Welcome(
            windowBytes: limits.windowBytes, windowBatches: limits.windowBatches,
            aggregatorID: limits.aggregatorID, reference: registration.reference.bootID,
            referenceOffset: registration.reference.offset, streams: registration.streams.map(\.position))
    }

    func opened(_ channel: any Channel) { channels.withLock { $0[ObjectIdentifier(channel)] = channel } }
    func closed(_ channel: any Channel) { channels.withLock { $0[ObjectIdentifier(channel)] = nil } }

    /// The connections there are.
    var open: [any Channel] { channels.withLock { Array($0.values) } }
}

/// What a connection may have on its way.
struct IntakeLimits: Sendable {
    var windowBytes: UInt32 = 32 << 20
    var windowBatches: UInt32 = 256
    var aggregatorID: String
}
