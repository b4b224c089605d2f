internal import Foundation

/// How long certificates last.
struct CertificateLifetimes: Sendable {
    var authority: TimeInterval = 3650 * 86400
    var server: TimeInterval = 90 * 86400
    var agent: TimeInterval = 365 * 86400
    /// How far a certificate's beginning lies back, for hosts whose clock is late.
    var leeway: TimeInterval = 86400

    /// Whether two thirds of the time between the dates are over.
    static func isDue(from start: Date, until end: Date, now: Date) -> Bool {
        now.timeIntervalSince(start) >= end.timeIntervalSince(start) * 2 / 3
    }
}
