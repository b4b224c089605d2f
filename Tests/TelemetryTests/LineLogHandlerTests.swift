import Testing

@testable import Telemetry

@Suite("A line of the log")
struct LineLogHandlerTests {
    @Test(
        "cannot be ended, nor another begun, by what a peer has sent",
        arguments: [
            ("plain text: ünïcödé", "plain text: ünïcödé"),
            ("a\nerror forged", "a\\nerror forged"),
            ("\" error=\"none", "\\\" error=\\\"none"),
            ("back\\slash", "back\\\\slash"),
            ("\u{1b}[2J\r\u{7f}", "\\u{1b}[2J\\u{d}\\u{7f}"),
            ("\u{202e}txet\u{2028}", "\\u{202e}txet\\u{2028}"),
        ])
    func escapes(_ value: String, _ written: String) {
        #expect(LineLogHandler.escaped(value) == written)
    }

    @Test("is bounded")
    func bound() {
        let written = LineLogHandler.escaped(String(repeating: "x", count: 100_000))
        #expect(written.count == 2049 && written.hasSuffix("…"))
    }
}
