/// Runs asynchronous work wherever somebody else runs things, such as on an event loop.
///
/// Verification is asynchronous and never waits for anything. On the pool that all tasks share it could be kept waiting by
/// whatever else is there, while a peer's ten seconds go by.
public final class ScheduledExecutor: TaskExecutor {
    private let schedule: @Sendable (@escaping @Sendable () -> Void) -> Void

    /// An executor that hands each piece of work to `schedule`.
    public init(_ schedule: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) {
        self.schedule = schedule
    }

    /// Called by Swift's concurrency.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // Holds on to the executor until the work is done.
        schedule { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
