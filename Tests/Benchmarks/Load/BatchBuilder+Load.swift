import ByteCodec
import CollectorProtocol
import Tracepoints

/// What every made-up stream begins with and consists of.
extension BatchBuilder {
    /// The clock of a host that needs no correction: `offset` is UTC less CLOCK_MONOTONIC, in nanoseconds.
    mutating func openClock(clk: UInt32, now: UInt64, offset: Int64) {
        setClock(clk: clk, baseMonotonic: now, baseRealtime: Int64(now) + offset)
        ControlRecord.clockSample(
            ClockSample(
                lowNanoseconds: 0, highNanoseconds: 1000, reference: bootID, referenceOffset: offset,
                aggregatorRealMinusMono: offset, aggregatorMaxError: .max, aggregatorSynchronised: false,
                nodeRealMinusMono: offset, nodeMaxError: .max, nodeSynchronised: false)
        ).encode(into: &self, run: nil, monotonic: now)
    }

    /// A node's process, watched by all tracepoints from now on.
    mutating func openRun(_ run: UInt64, now: UInt64) {
        ControlRecord.processStart(
            ProcessStart(
                pid: 1000, startTicks: run, startedMonotonic: now, executable: "/usr/bin/bitcoind", device: 1,
                inode: 2)
        ).encode(into: &self, run: run, monotonic: now)
        for tracepoint in Tracepoint.allCases {
            ControlRecord.coverage(
                Coverage(tracepoint: tracepoint.rawValue, fromMonotonic: now, toMonotonic: 0)
            ).encode(into: &self, run: run, monotonic: now)
        }
    }

    /// How often each tracepoint has been hit, all of which became records.
    mutating func countHits(_ hits: [UInt64], run: UInt64, now: UInt64) {
        let entries = hits.indices.filter { hits[$0] > 0 }.map {
            CounterEntry(
                tracepoint: UInt8($0), hits: hits[$0], counted: 0, lostRing: 0, lostUnreadable: 0, lostUser: 0
            )
        }
        guard !entries.isEmpty else { return }
        ControlRecord.counters(Counters(entries: entries)).encode(into: &self, run: run, monotonic: now)
    }

    /// Bytes of a plain message's payload.
    static var plainPayloadBytes: Int { 37 }

    /// An inbound message of 37 bytes that makes a row of p2p_message and little else.
    mutating func plainMessage(_ number: Int, run: UInt64, now: UInt64) {
        var payload = [UInt8](repeating: 0, count: Self.plainPayloadBytes)
        payload[0] = 1
        payload[1] = 5
        let mixed = UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15
        for index in 0..<8 { payload[5 + index] = UInt8(truncatingIfNeeded: mixed >> (8 * UInt64(index))) }
        begin(kind: Tracepoint.inboundMessage.rawValue, flags: [], run: run, tid: 7, monotonic: now)
        signed(Int64(number % 125))
        string("198.51.100.\(number % 125):8333")
        string("inbound")
        string("notfound")
        unsigned(UInt64(payload.count))
        self.payload(payload.span.raw)
        end()
    }
}
