/// What an argument of a tracepoint is in Bitcoin Core.
public enum ArgumentType: String, Sendable, Equatable {
    /// `int64_t`, `int32_t`, `uint64_t`, `uint32_t`, `bool`.
    case i64, i32, u64, u32, boolean
    /// A NUL-terminated string.
    case text
    /// 32 bytes.
    case hash
    /// As many bytes as the argument before says.
    case payload
}

/// One tracepoint that a stand-in node can fire.
public struct Probe: Sendable, Equatable {
    /// `provider:probe`.
    public let name: String
    /// Its arguments in Core's order.
    public let arguments: [ArgumentType]
    /// Whether one can know that somebody is attached.
    public let hasSemaphore: Bool
}

/// The probes of one executable. A binary looks like one version of Bitcoin Core, because that is how an
/// agent tells argument layouts apart.
@safe public struct NodeProbes: Sendable, CustomStringConvertible {
    /// Fires a tracepoint: its number (from 1), its arguments as words, and where to put the
    /// CLOCK_MONOTONIC of the instant before. Returns an ``Outcome``.
    public typealias Fire =
        @convention(c) (UInt32, UnsafePointer<UInt64>?, UnsafeMutablePointer<UInt64>?) -> Int32

    /// The executable's name.
    public let executable: String
    /// Where a capture goes that does not fit this one.
    public let sibling: String
    /// The tracepoints; number 1 is the first.
    public let probes: [Probe]
    let fire: Fire

    private let numbers: [String: Int]

    /// Describes the probes of an executable.
    ///
    /// - Parameters:
    ///   - executable: its name.
    ///   - sibling: the executable with the other layouts.
    ///   - name: the name of tracepoint number n, nil behind the last.
    ///   - arguments: its argument types, separated by spaces.
    ///   - hasSemaphore: whether it has a semaphore.
    ///   - fire: fires it.
    public init(
        executable: String, sibling: String, name: (UInt32) -> String?, arguments: (UInt32) -> String?,
        hasSemaphore: (UInt32) -> Bool, fire: Fire
    ) {
        var probes: [Probe] = []
        var numbers: [String: Int] = [:]
        var number: UInt32 = 1
        while let found = name(number) {
            let types = (arguments(number) ?? "").split(separator: " ")
                .compactMap { ArgumentType(rawValue: String($0)) }
            probes.append(Probe(name: found, arguments: types, hasSemaphore: hasSemaphore(number)))
            numbers[found] = Int(number)
            number += 1
        }
        self.executable = executable
        self.sibling = sibling
        self.probes = probes
        self.numbers = numbers
        unsafe self.fire = fire
    }

    /// The executable's name.
    public var description: String { executable }
    /// The number of a tracepoint, from 1.
    public func number(of name: String) -> Int? { numbers[name] }
    /// The tracepoint with a number.
    public subscript(number: Int) -> Probe { probes[number - 1] }
}

/// Whether somebody saw an event.
public enum Outcome: Int32, CaseIterable, Sendable {
    /// The semaphore was down: nobody was attached, and the probe was skipped, as Core does.
    case unobserved = 0
    /// The semaphore was raised.
    case observed = 1
    /// The tracepoint has no semaphore, so it always fires and nobody can know.
    case unknown = 2
}
