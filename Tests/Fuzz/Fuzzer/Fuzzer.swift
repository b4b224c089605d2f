import CFuzzer
import Glibc

/// What is done with each input. Set once, before the fuzzer runs, on its only thread.
nonisolated(unsafe) private var check: (RawSpan) -> Void = { _ in }

/// Lets libFuzzer, with the program's arguments, call `body` for each input it makes up, and ends with it.
///
/// What `body` must never do is what libFuzzer and AddressSanitizer watch: trap, hang, leak, or take more memory
/// than they are told to allow.
public func fuzz(_ body: @escaping (RawSpan) -> Void) -> Never {
    unsafe check = body
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
    let status = unsafe LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
        if let bytes = unsafe bytes {
            unsafe check(RawSpan(_unsafeStart: bytes, byteCount: count))
        } else {
            unsafe check(RawSpan())
        }
        return 0
    }
    exit(status)
}
