/// `getdata`: asks for what an `inv` announced (Bitcoin Core's protocol.h).
public enum GetData: InventoryMessage {}
