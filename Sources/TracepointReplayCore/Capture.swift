import CaptureFormat

/// One node's events out of a capture, in the order of their time, with everything that firing them needs.
struct Capture {
    /// An event: which tracepoint, when it was recorded, on which line, and where its arguments begin.
    struct Event: Equatable {
        let tracepoint: Int
        let monotonic: UInt64
        let line: Int
        let firstWord: Int
    }

    /// The events of the node, in the order of their time.
    private(set) var events: [Event] = []
    /// When the first event of any node was recorded.
    private(set) var firstMonotonic = UInt64.max
    /// How many events the capture has of each node.
    private(set) var nodes: [String: Int] = [:]
    /// The arguments, still without memory of their own.
    private(set) var arguments = ArgumentBuilder()

    /// Reads the events of one node.
    static func load(_ path: String, node: String, probes: NodeProbes) throws(CaptureError) -> Capture {
        var capture = Capture()
        try CaptureFile.forEachLine(of: path) { number, line throws(CaptureError) in
            do throws(CaptureError) {
                try capture.add(line, number: number, node: node, probes: probes)
            } catch {
                throw error.at(line: number)
            }
        }
        guard !capture.nodes.isEmpty else {
            throw CaptureError(
                "the capture \(path) has no events", advice: "give a capture with at least one")
        }
        guard !capture.events.isEmpty else {
            let known = capture.nodes.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value) events)" }
            throw CaptureError(
                "the capture \(path) has no node \"\(node)\"",
                advice: "choose one with --node: \(known.joined(separator: ", "))")
        }
        // Lines are nearly in the order of time; equal times keep their order.
        capture.events.sort { ($0.monotonic, $0.line) < ($1.monotonic, $1.line) }
        return capture
    }

    /// Reads one line; of other nodes only who and when.
    mutating func add(
        _ line: [UInt8], number: Int, node: String, probes: NodeProbes
    ) throws(CaptureError) {
        let event = try JSONLine.parse(line)
        guard case .string(let name)? = event["node"] else { throw missing("node", "a string") }
        guard case .integer(negative: false, let monotonic)? = event["mono_ns"] else {
            throw missing("mono_ns", "nanoseconds of CLOCK_MONOTONIC")
        }
        let owner = String(decoding: name, as: UTF8.self)
        nodes[owner, default: 0] += 1
        firstMonotonic = min(firstMonotonic, monotonic)
        guard owner == node else { return }

        guard case .string(let probe)? = event["probe"] else { throw missing("probe", "`provider:probe`") }
        guard case .array(let values)? = event["args"] else { throw missing("args", "a list") }
        let firstWord = arguments.count
        let tracepoint = try add(values, of: String(decoding: probe, as: UTF8.self), probes: probes)
        events.append(
            Event(tracepoint: tracepoint, monotonic: monotonic, line: number, firstWord: firstWord))
    }

    private mutating func add(
        _ values: [JSONValue], of name: String, probes: NodeProbes
    ) throws(CaptureError) -> Int {
        guard let number = probes.number(of: name) else {
            throw CaptureError(
                "unknown tracepoint \"\(name)\"",
                advice: "known are \(probes.probes.map(\.name).joined(separator: ", "))")
        }
        let types = probes[number].arguments
        guard values.count == types.count else {
            let known = name == "mempool:replaced" && (values.count == 7 || values.count == 8)
            throw CaptureError(
                "\(name) has \(values.count) arguments, \(probes.executable) has \(types.count)",
                advice: known
                    ? "this node was of another version, replay it with \(probes.sibling)"
                    : "the arguments are \(types.map(\.rawValue).joined(separator: ", "))")
        }
        for (index, (value, type)) in zip(values, types).enumerated() {
            do throws(CaptureError) {
                try arguments.append(value, as: type, size: index > 0 ? values[index - 1] : nil)
            } catch {
                throw CaptureError("argument \(index + 1) of \(name) \(error.message)", advice: error.advice)
            }
        }
        return number
    }

    private func missing(_ key: String, _ what: String) -> CaptureError {
        CaptureError(
            "no \"\(key)\", which should be \(what)",
            advice: #"a line is {"node":…,"mono_ns":…,"probe":"provider:probe","args":[…]}"#)
    }
}
