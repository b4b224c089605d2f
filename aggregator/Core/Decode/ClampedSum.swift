extension Int64 {
    /// The sum, or the largest or smallest number where it does not fit. For what agents count: a wrong count must
    /// not end the aggregator.
    func clampedSum(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
