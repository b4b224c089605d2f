/// When each event is due, on CLOCK_MONOTONIC.
enum Schedule: Equatable {
    /// In the recorded rhythm: as long after `start` as it was after `origin`, divided by `speed`.
    case recorded(start: UInt64, origin: UInt64, speed: Double)
    /// `perSecond` events a second.
    case rate(start: UInt64, perSecond: Double)
    /// As fast as the machine can.
    case unpaced

    /// When the event that is `index`th in this run and was recorded at `monotonic` is due; nil: at once.
    func due(index: Int, monotonic: UInt64) -> UInt64? {
        switch self {
        case .recorded(let start, let origin, let speed):
            let elapsed = monotonic - origin
            return start + (speed == 1 ? elapsed : UInt64(Double(elapsed) / speed))
        case .rate(let start, let perSecond): return start + UInt64(Double(index) * 1e9 / perSecond)
        case .unpaced: return nil
        }
    }
}
