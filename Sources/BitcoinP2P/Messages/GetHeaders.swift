/// `getheaders`: asks for the `headers` behind a locator (Bitcoin Core's net_processing.cpp).
public struct GetHeaders: LocatorMessage {
    /// Where the sender's chain is.
    public let locator: BlockLocator
    /// The block that is to end the answer, zero for none; nil where the capture is cut.
    public let stop: Hash256?

    /// The message with these fields.
    public init(locator: BlockLocator, stop: Hash256?) {
        self.locator = locator
        self.stop = stop
    }
}
