public import ByteCodec

extension Hello {
    /// Reads the body of HELLO.
    @_lifetime(body: copy body)
    public init(_ body: inout ByteReader) throws(ByteCodecError) {
        let magic = try body.u32()
        guard magic == Self.magic else {
            throw .limitExceeded(offset: 0, value: UInt64(magic), limit: UInt64(Self.magic))
        }
        let versions = (try body.u16(), try body.u16())
        let agentID = try body.text16()
        let agentVersion = try body.text16()
        let kernel = try body.text16()
        let bootID = try BootID(&body)
        let source = try body.u8()
        guard let source = Source(rawValue: source) else {
            throw .limitExceeded(offset: body.offset - 1, value: UInt64(source), limit: 1)
        }
        var nodes: [Node] = []
        for _ in 0..<(try body.u16()) { nodes.append(try Node(&body)) }
        var probes: [Probe] = []
        for _ in 0..<(try body.u16()) { probes.append(try Probe(&body)) }
        var policy: [Policy] = []
        for _ in 0..<(try body.u16()) {
            policy.append(Policy(tracepoint: try body.u8(), mode: CaptureMode(rawValue: try body.u8())))
        }
        self.init(
            agentID: agentID, agentVersion: agentVersion, kernel: kernel, bootID: bootID, source: source,
            nodes: nodes, probes: probes, policy: policy)
        (minimumVersion, maximumVersion) = versions
    }

    /// Appends the body of HELLO.
    public func encodeBody(into writer: inout ByteWriter) {
        writer.u32(Self.magic)
        writer.u16(minimumVersion)
        writer.u16(maximumVersion)
        writer.text16(agentID)
        writer.text16(agentVersion)
        writer.text16(kernel)
        bootID.write(into: &writer)
        writer.u8(source.rawValue)
        writer.list16(nodes) { writer, node in
            writer.text16(node.name)
            writer.u64(node.streamID)
            writer.u64(node.nextSequence)
            writer.u64(node.oldestSequence)
        }
        writer.list16(probes) { writer, probe in
            writer.text16(probe.node)
            writer.u8(probe.tracepoint)
            writer.u8(probe.status.rawValue)
            writer.u8(probe.arguments)
            writer.u16(probe.sites)
        }
        writer.list16(policy) { writer, policy in
            writer.u8(policy.tracepoint)
            writer.u8(policy.mode.rawValue)
        }
    }
}

extension Hello.Node {
    @_lifetime(body: copy body)
    fileprivate init(_ body: inout ByteReader) throws(ByteCodecError) {
        name = try body.text16()
        streamID = try body.u64()
        nextSequence = try body.u64()
        oldestSequence = try body.u64()
    }
}

extension Hello.Probe {
    @_lifetime(body: copy body)
    fileprivate init(_ body: inout ByteReader) throws(ByteCodecError) {
        node = try body.text16()
        tracepoint = try body.u8()
        status = ProbeStatus(rawValue: try body.u8())
        arguments = try body.u8()
        sites = try body.u16()
    }
}

extension Hello {
    /// Checks the magic and the version range, the only part of HELLO whose place no version may change.
    static func checkPreamble(_ body: RawSpan) throws(ProtocolError) {
        var reader = ByteReader(body)
        guard let magic = try? reader.u32(), magic == Self.magic else {
            throw ProtocolError("hello: expected the magic PSC1 (50 53 43 31)")
        }
        guard let lowest = try? reader.u16(), let highest = try? reader.u16(), lowest <= highest else {
            throw ProtocolError("hello: expected a range of versions")
        }
        guard (lowest...highest).contains(currentVersion) else {
            throw ProtocolError(
                "hello: expected version \(currentVersion), the agent speaks \(lowest) to \(highest)",
                code: .unsupportedVersion)
        }
    }
}
