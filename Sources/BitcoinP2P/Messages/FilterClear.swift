/// `filterclear`: takes back the bloom filter set with `filterload` (BIP37).
public struct FilterClear: EmptyMessage {
    /// The message.
    public init() {}
}
