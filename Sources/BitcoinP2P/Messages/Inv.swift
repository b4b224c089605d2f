/// `inv`: announces transactions and blocks by their hashes (Bitcoin Core's protocol.h).
public enum Inv: InventoryMessage {}
