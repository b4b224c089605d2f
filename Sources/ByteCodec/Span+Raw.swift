extension Span where Element == UInt8 {
    /// The same bytes as a ``RawSpan``, which is what readers and writers take.
    @inlinable
    public var raw: RawSpan {
        @_lifetime(copy self)
        // Proof: a UInt8 is one initialised byte without padding.
        get { unsafe bytes }
    }
}
