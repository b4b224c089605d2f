import CollectorProtocol
import Testing

/// Both state machines over connections that are lost, linger and are made anew, with two aggregators.
@Suite struct ReconnectionTests {
    private func run(_ seed: Int, mischief: Bool) throws -> [ProtocolError] {
        var model = ReconnectionModel(seed: UInt64(seed), batches: 30)
        for _ in 0..<1500 { try model.step(calm: false, mischief: mischief) }
        // What no network loses nobody sends again: it takes a new connection, as time-outs make one.
        if mischief { model.breakConnection() }
        var steps = 0
        while !model.isDone {
            try model.step(calm: true, mischief: false)
            steps += 1
            guard steps < 60_000 else { throw ReconnectionModel.Broken("\(model.durable) and no further") }
        }
        return model.failures
    }

    @Test(arguments: 1...150)
    func everyRecordIsCommittedOnceHoweverConnectionsBreak(seed: Int) throws {
        let failures = try run(seed, mischief: false)
        #expect(failures.isEmpty)
    }

    @Test(arguments: 1...150)
    func framesThatAreLostDoubledOrSwappedCostTheConnectionAndNothingElse(seed: Int) throws {
        _ = try run(seed, mischief: true)
    }
}
