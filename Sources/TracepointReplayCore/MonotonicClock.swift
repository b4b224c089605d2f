import CPlatform
import Glibc

/// Waiting on CLOCK_MONOTONIC: asleep until shortly before, then awake.
enum MonotonicClock {
    /// How long before the instant sleep ends, in nanoseconds.
    static let spin: UInt64 = 30_000
    /// Sleep is cut into slices, so that a signal that came just before sleep is noticed.
    private static let slice: UInt64 = 100_000_000

    static var now: UInt64 { ps_monotonic_ns() }

    /// Nanoseconds that this process has run, in user space and in the kernel.
    static var processorTime: UInt64 {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Lets sleep end on time. By default the kernel may add 50 µs. A kernel without the file is as it is.
    static func removeTimerSlack() {
        let file = unsafe open("/proc/self/timerslack_ns", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = unsafe write(file, "1", 1)
        close(file)
    }

    /// Asks for a real-time thread, so that a busy machine does not make events late and put those of different
    /// nodes out of order. Only root gets one; others go on as they are.
    static func goFirst() {
        var parameters = sched_param(sched_priority: 1)
        _ = unsafe sched_setscheduler(0, SCHED_FIFO, &parameters)
    }

    /// Returns at `instant`, or early when a stop was requested.
    @inline(__always)
    static func wait(until instant: UInt64) {
        var current = now
        while current + spin < instant, !StopRequest.isMade {
            let end = min(instant - spin, current + slice)
            var time = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
            _ = unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil)
            current = now
        }
        while current < instant, !StopRequest.isMade { current = now }
    }
}
