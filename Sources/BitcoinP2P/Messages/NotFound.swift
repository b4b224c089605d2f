/// `notfound`: what of a `getdata` the sender does not have (Bitcoin Core's protocol.h).
public enum NotFound: InventoryMessage {}
