public import Tracepoints

/// Where an argument of an event lies in the record that a capture program wrote.
public enum ArgumentPlace: Sendable, Equatable {
    /// A signed integer of eight bytes.
    case signed(at: Int)
    /// An unsigned integer of eight bytes.
    case unsigned(at: Int)
    /// A truth value of eight bytes, 0 or not.
    case boolean(at: Int)
    /// Thirty-two bytes.
    case hash(at: Int)
    /// As many bytes as the 16-bit integer at `length` says.
    case string(at: Int, length: Int)
    /// As many bytes as the 32-bit integer at `length` says.
    case payload(at: Int, length: Int)

    /// The first byte behind what lies there whatever the record says, the lengths included.
    fileprivate var end: Int {
        switch self {
        case .signed(let at), .unsigned(let at), .boolean(let at): at + 8
        case .hash(let at): at + 32
        case .string(let at, let length): max(at, length + 2)
        case .payload(let at, let length): max(at, length + 4)
        }
    }
}

/// Where the arguments of each tracepoint lie in the records of one memory layout, in the catalogue's order.
///
/// The places of all are in one array, so that finding those of a tracepoint counts no references.
public struct EventLayouts: Sendable {
    struct Layout {
        var places = 0..<0
        /// Bytes that a record has at least.
        var byteCount = 0
    }

    let places: [ArgumentPlace]
    /// By kind; without places where the kind is no tracepoint.
    private let layouts: [Layout]

    /// The layout in which the arguments of each tracepoint lie where `places` says.
    public init(_ places: (Tracepoint) -> [ArgumentPlace]) {
        var all: [ArgumentPlace] = []
        var layouts = [Layout](repeating: Layout(), count: Int(UInt8.max) + 1)
        for tracepoint in Tracepoint.allCases {
            let own = places(tracepoint)
            precondition(own.count == tracepoint.arguments.count, "every argument has a place")
            layouts[Int(tracepoint.rawValue)] = Layout(
                places: all.count..<all.count + own.count, byteCount: own.map(\.end).max() ?? 0)
            all += own
        }
        self.places = all
        self.layouts = layouts
    }

    /// Where the arguments of `tracepoint` lie.
    public func places(of tracepoint: Tracepoint) -> [ArgumentPlace] {
        Array(places[layout(of: tracepoint.rawValue).places])
    }

    func layout(of kind: UInt8) -> Layout { layouts[Int(kind)] }
}
