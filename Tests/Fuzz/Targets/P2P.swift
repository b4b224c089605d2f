import BitcoinP2P
import ByteCodec
import Fuzzer

/// A payload of any message type. The first byte chooses the type, the second how much of the message a snaplen cut
/// off; what follows was captured.
@main
enum P2P {
    static func main() {
        fuzz { input in
            guard input.byteCount >= 2 else { return }
            let types = MessageType.allCases
            let type = types[Int(input.byte(at: 0)) % types.count]
            let payload = input.extracting(droppingFirst: 2)
            if let promise = Promises.broken(type, payload, missing: Int(input.byte(at: 1))) {
                fatalError("\(type) breaks a promise: \(promise)")
            }
        }
    }
}
