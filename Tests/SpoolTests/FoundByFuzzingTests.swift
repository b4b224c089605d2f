import ByteCodec
import CollectorProtocol
import Foundation
import Spool
import Testing

@Suite struct FoundByFuzzingTests {
    @Test func `a gap whose last number is damaged takes no later segment with it`() throws {
        var bench = Workbench()
        do {
            let spool = try bench.spool(segmentBytes: 100)
            for first in [1, 10, 20] as [UInt64] {
                let gap = BatchBuilder.gapBatch(
                    node: "n1", streamID: 7, bootID: .zero, clk: 1, baseMonotonic: 0, baseRealtime: 0,
                    first: first, last: first == 1 ? 9 : first + 9, reason: GapReason.spoolBound, tallies: [])
                try spool.append(BatchHeader.read(gap.span.raw), gap.span.raw)
            }
            bench.next = 30
            try bench.append(to: spool, batches: 1)
        }
        // The second segment's gap claims to reach far beyond what follows: byte 37 is of its last number.
        let files = try bench.files()
        try #require(files.count == 4)
        let damaged = URL(filePath: bench.folder + "/" + files[1])
        var bytes = try Data(contentsOf: damaged)
        bytes[37] ^= 0x77
        try bytes.write(to: damaged)

        for _ in 0..<2 {
            let spool = try bench.spool(segmentBytes: 100)
            #expect(spool.newestSequence == 32)
            var found: [UInt64] = []
            var last: UInt64 = 0
            while let next = try spool.next(after: last) {
                switch next {
                case .batch(let batch):
                    found.append(batch.header.firstSequence)
                    last = batch.header.lastSequence
                case .hole(let before):
                    last = before - 1
                }
            }
            #expect(found == [1, 20, 30])
        }
    }
}
