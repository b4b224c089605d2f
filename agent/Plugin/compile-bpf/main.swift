// Host tool of the build: C in, Swift out.
//
//     compile-bpf CLANG OBJCOPY SOURCE.bpf.c OUTPUT.swift
//
// The object travels as hexadecimal digits in a StaticString, which the compiler takes in no time: an array
// literal of 160 000 elements takes it a minute.
import Foundation

func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("error: \(message)\n".utf8))
    exit(1)
}

func run(_ tool: String, _ arguments: [String]) {
    let process = Process()
    process.executableURL = URL(filePath: tool)
    process.arguments = arguments
    do { try process.run() } catch { fail("cannot start \(tool): \(error.localizedDescription)") }
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        fail(
            """
            \(tool) failed with status \(process.terminationStatus). If a header of libbpf or the kernel is \
            missing: apt-get install libbpf-dev linux-libc-dev
            """)
    }
}

let arguments = CommandLine.arguments
guard arguments.count == 5 else { fail("usage: compile-bpf CLANG OBJCOPY SOURCE OUTPUT") }
let (clang, objcopy, source, output) = (arguments[1], arguments[2], arguments[3], arguments[4])

#if arch(x86_64)
    let (target, multiarch) = ("x86", "x86_64-linux-gnu")
#elseif arch(arm64)
    let (target, multiarch) = ("arm64", "aarch64-linux-gnu")
#endif

let object = output + ".o"
run(
    clang,
    [
        // v3 has compare-and-exchange, which 5.12 brought. Some clangs default to less.
        "-target", "bpf", "-mcpu=v3", "-g", "-O2", "-Wall", "-Werror", "-D__TARGET_ARCH_\(target)",
        "-isystem", "/usr/include/\(multiarch)", "-c", source, "-o", object,
    ])
run(objcopy, ["--strip-debug", object])
guard let bytes = FileManager.default.contents(atPath: object) else { fail("cannot read \(object)") }
try? FileManager.default.removeItem(atPath: object)

let digits = Array("0123456789abcdef".utf8)
var text = Array("let compiledCaptureProgram: StaticString = \"".utf8)
text.reserveCapacity(bytes.count * 2 + 100)
for byte in bytes {
    text.append(digits[Int(byte >> 4)])
    text.append(digits[Int(byte & 15)])
}
text.append(contentsOf: "\"\n".utf8)
do {
    try Data(text).write(to: URL(filePath: output))
} catch {
    fail("cannot write \(output): \(error.localizedDescription)")
}
