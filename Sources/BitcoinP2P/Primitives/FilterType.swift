/// Which kind of compact filter a BIP157 message is about.
public struct FilterType: RawRepresentable, Sendable, Hashable {
    /// The number on the wire.
    public let rawValue: UInt8
    /// The type with the number `rawValue`, assigned or not.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The basic filter of BIP158, the only one there is.
    public static let basic = FilterType(rawValue: 0)
}
