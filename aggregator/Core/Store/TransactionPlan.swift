internal import ByteCodec
internal import CollectorProtocol

/// What a transaction will do for one stream: the batches that continue it, what is behind it already, and
/// whether something is missing.
struct StreamPlan {
    /// A batch that will be applied, or set aside.
    struct Step {
        let batch: QueuedBatch
        /// The survey, or why the batch can never be stored.
        let survey: Result<BatchSurvey, BatchError>
    }

    let state: StreamState
    /// The watermark when the transaction begins.
    let before: UInt64
    private(set) var steps: [Step] = []
    /// Batches that were committed before: they are acknowledged again.
    private(set) var duplicates: [QueuedBatch] = []
    /// Batches with a hole before them: their connection has to resume.
    private(set) var detached: [QueuedBatch] = []

    /// The watermark when it ends.
    var after: UInt64 { steps.last?.batch.header.lastSequence ?? before }

    /// Plans `batches`, which are in order of arrival.
    init(_ state: StreamState, _ batches: [QueuedBatch], accepted: ClosedRange<Int64>) {
        self.state = state
        before = state.durable
        for batch in batches {
            if batch.header.lastSequence <= after {
                duplicates.append(batch)
            } else if batch.header.firstSequence <= after + 1 {
                steps.append(Step(batch: batch, survey: Self.survey(batch, accepted)))
            } else {
                detached.append(batch)
            }
        }
    }

    private static func survey(
        _ batch: QueuedBatch, _ accepted: ClosedRange<Int64>
    ) -> Result<BatchSurvey, BatchError> {
        do throws(BatchError) {
            return .success(try BatchSurvey(BatchReader(batch.bytes.span.raw), accepted: accepted))
        } catch {
            return .failure(error)
        }
    }

    /// What has to be in memory and in place.
    var needs: BatchSurvey.Needs {
        var needs = BatchSurvey.Needs()
        for case .success(let survey) in steps.map(\.survey) { needs.formUnion(survey.needs) }
        return needs
    }

    /// How the stream's counters move.
    var movement: (records: UInt64, gaps: UInt64, lastEvent: Int64?) {
        var position = before
        var records: UInt64 = 0
        var gaps: UInt64 = 0
        var lastEvent: Int64?
        for step in steps {
            let covered = step.batch.header.lastSequence - position
            position = step.batch.header.lastSequence
            switch step.survey {
            case .success(let survey) where step.batch.header.kind == .events:
                records += covered
                if let event = survey.lastEvent { lastEvent = max(lastEvent ?? event, event) }
            default: gaps += covered
            }
        }
        return (records, gaps, lastEvent)
    }
}
