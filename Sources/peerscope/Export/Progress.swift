import Glibc

/// How far an export is: on a terminal one line that changes, in a log a plain line now and then.
struct Progress {
    let relation: String
    /// Rows that the planner expects; `nil` to say nothing about what is left.
    private(set) var expected: Int?
    /// Columns of the terminal that standard error is; `nil` when it is none.
    let width: Int?
    private let print: (String) -> Void
    private let clock: () -> Double

    private let start: Double
    private var next: Double
    private(set) var rows = 0
    private(set) var bytes = 0
    private var hasLine = false

    /// - Parameters:
    ///   - clock: seconds that only grow.
    ///   - print: writes to standard error.
    init(
        _ relation: String, expected: Int?, width: Int?, clock: @escaping () -> Double = Self.monotonic,
        print: @escaping (String) -> Void
    ) {
        self.relation = relation
        self.expected = expected
        self.width = width
        self.clock = clock
        self.print = print
        start = clock()
        next = start + (width == nil ? 10 : 0.2)
    }

    /// Seconds since the beginning.
    var elapsed: Double { clock() - start }

    /// Learns how many rows to expect.
    mutating func expects(_ rows: Int?) { expected = rows }

    /// Notes rows that came.
    mutating func add(rows: Int, bytes: Int) {
        self.rows += rows
        self.bytes += bytes
        tick()
    }

    /// Says how far it is, when that is due.
    mutating func tick() {
        let now = clock()
        guard now >= next else { return }
        next = now + (width == nil ? 10 : 0.2)
        if let width {
            // A line longer than the terminal is wide would not be overwritten.
            print("\r\(text(now).prefix(width - 1))\u{1b}[K")
            hasLine = true
        } else {
            print("peerscope: export \(text(now))\n")
        }
    }

    /// Removes the line on the terminal, so that something else can be said.
    mutating func clear() {
        guard hasLine else { return }
        print("\r\u{1b}[K")
        hasLine = false
    }

    private func text(_ now: Double) -> String {
        let seconds = max(now - start, 0.001)
        guard rows > 0 else { return "\(relation): waiting for the first row, \(Int(seconds)) s" }
        var text = "\(relation): \(rows)"
        let rate = Double(rows) / seconds
        var left: String?
        if let expected, expected > rows {
            text += " of about \(expected) rows (\(rows * 100 / expected) %)"
            let rest = (Double(expected - rows) / rate).rounded(.up)
            left = (rest < 100 ? "\(Int(rest)) s" : Cell.duration(rest)) + " left"
        } else {
            text += " rows"
        }
        text += ", \(Cell.bytes(Double(bytes))), \(Cell.bytes(Double(bytes) / seconds))/s"
        return text + (left.map { ", " + $0 } ?? "")
    }

    /// How wide the terminal is that standard error is; `nil` when it is none.
    static func terminalWidth() -> Int? {
        guard isatty(2) == 1 else { return nil }
        var size = winsize()
        guard unsafe ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
        return Int(size.ws_col)
    }

    /// The seconds of CLOCK_MONOTONIC.
    static func monotonic() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
