internal import BitcoinP2P
internal import ByteCodec
internal import PostgreSQL

extension BatchDecoder {
    /// A P2P message: its row, its session's counters, and what is inside it.
    func writeMessage(
        _ context: EventContext, _ message: borrowing Message, unreadable: Bool,
        _ strings: inout BatchStrings, _ day: EventBuffers.Day, _ state: StreamState
    ) {
        let type = strings.type(message.typeIndex, message.type)
        let connectionType = strings.text(message.connectionTypeIndex, message.connectionType)
        let session = state.session(SessionKey(run: context.run, peer: message.peer))
        if session.addr == nil { session.addr = strings.text(message.addrIndex, message.addr) }
        if session.connectionType == nil {
            session.connectionType = connectionType
            session.inbound = connectionType == "inbound"
        }
        session.count(message, at: context.micros)
        let minute = Rollups.MinuteKey(
            node: context.nodeID, minute: context.micros.flooredToMinute, run: context.run,
            inbound: message.inbound, type: type.rollupName, connectionType: connectionType)
        let status: DecodeStatus
        if unreadable {
            status = .truncated
        } else if let known = type.type {
            status = decode(known, context, message, session, day, state)
        } else {
            status = .unknown
        }
        rollups.traffic[minute, default: Rollups.Traffic()].add(
            bytes: message.size, truncated: status == .truncated)
        let ofSession = Rollups.SessionTypeKey(
            node: context.nodeID, session: session.key, inbound: message.inbound, type: type.rollupName)
        rollups.sessionTraffic[ofSession, default: Rollups.Traffic()].add(
            bytes: message.size, truncated: status == .truncated)
        P2PMessageRow.write(
            context, message, status: status.rawValue,
            keepPayload: settings.payloads.keeps(type.type, inbound: message.inbound, status: status),
            into: &day[.p2pMessage])
    }

    /// Decodes what rows or rollups are made from.
    private func decode(
        _ type: MessageType, _ context: EventContext, _ message: borrowing Message, _ session: PeerSession,
        _ day: EventBuffers.Day, _ state: StreamState
    ) -> DecodeStatus {
        switch type {
        case .version: return decodeVersion(context, message, session, state)
        case .addr, .addrv2: return decodeAddresses(type, context, message, session, day, state)
        case .inv, .getdata, .notfound:
            return decodeInventory(type, context, message, session, day, state)
        case .tx: return decodeTransaction(context, message, session, day, state)
        case .headers, .cmpctblock, .block, .blocktxn, .getblocktxn:
            return decodeBlockMessage(type, context, message, day)
        case .ping:
            let ping = Ping.decode(message.payload, size: message.size)
            if let nonce = ping.value?.nonce {
                PingEventRow.write(context, message, nonce: nonce, into: &day[.pingEvent])
                if !message.inbound { session.pinged(nonce, at: context.micros) }
            }
            return ping.status
        case .pong:
            let pong = Pong.decode(message.payload, size: message.size)
            if let nonce = pong.value?.nonce {
                PingEventRow.write(context, message, nonce: nonce, into: &day[.pingEvent])
                if message.inbound { session.ponged(nonce, at: context.micros) }
            }
            return pong.status
        case .feefilter:
            let filter = FeeFilter.decode(message.payload, size: message.size)
            if let rate = filter.value?.rate { feeFilter(rate, context, message, session, state) }
            return filter.status
        case .sendcmpct:
            let mode = SendCompact.decode(message.payload, size: message.size)
            if let announce = mode.value?.announce {
                if message.inbound {
                    session.handshake.highBandwidthFromPeer = announce
                } else {
                    session.handshake.highBandwidthToPeer = announce
                }
            }
            return mode.status
        case .sendaddrv2: if message.inbound { session.handshake.wantsAddrV2 = true }
        case .wtxidrelay: if message.inbound { session.handshake.wantsWtxid = true }
        case .sendheaders: if message.inbound { session.handshake.wantsHeaders = true }
        case .verack:
            if message.inbound, session.handshakedAt == nil { session.handshakedAt = context.micros }
        case .getaddr:
            if !message.inbound {
                session.getaddrOutstanding = true
                TokenBucket.addForGetaddr(session, at: context.micros)
            }
        default: break
        }
        return type.status(of: message.payload, size: message.size)
    }

    /// `version`: who the peer is, or what our node's own clock and name are.
    private func decodeVersion(
        _ context: EventContext, _ message: borrowing Message, _ session: PeerSession, _ state: StreamState
    ) -> DecodeStatus {
        let version = Version.decode(message.payload, size: message.size)
        guard let fields = version.value else { return version.status }
        let userAgent = fields.userAgent.map { PeerText.escape($0.span.raw) }
        if message.inbound {
            session.received(fields, userAgent: userAgent, at: context.micros)
        } else {
            session.sent(fields, userAgent: userAgent)
        }
        if !message.inbound, session.connectionType != "private-broadcast" {
            // A private broadcast says nothing true about the node, on purpose.
            let run = state.run(context.run)
            run.clock.observe(version: fields.timestamp, atMicros: context.micros)
            if let userAgent { run.userAgent = userAgent }
            run.isDirty = true
        }
        if session.openedAt == nil { session.openedAt = context.micros }
        return version.status
    }

    /// `feefilter`: below what the peer, or our own mempool, wants nothing.
    private func feeFilter(
        _ rate: Int64, _ context: EventContext, _ message: borrowing Message, _ session: PeerSession,
        _ state: StreamState
    ) {
        guard !message.inbound else {
            session.handshake.feeFilter = rate
            return
        }
        let run = state.run(context.run)
        run.feeFloor = rate
        run.feeFloorAt = context.micros
        run.isDirty = true
    }
}

extension PeerSession {
    /// Counts a message of this session.
    func count(_ message: borrowing Message, at micros: Int64) {
        if message.inbound {
            messagesIn += 1
            bytesIn &+= Int64(message.size)
        } else {
            messagesOut += 1
            bytesOut &+= Int64(message.size)
        }
        lastAt = max(lastAt ?? micros, micros)
    }
}

extension Message {
    /// The count at the front of a message that is a list; 0 when there is none.
    var declaredEntries: Int {
        var reader = ByteReader(payload)
        return (try? reader.compactSize()).map { Int(clamping: $0) } ?? 0
    }
}

extension Int64 {
    /// Microseconds, cut to the minute.
    var flooredToMinute: Int64 { floored(to: 60_000_000) }
    /// Microseconds, cut to the hour.
    var flooredToHour: Int64 { floored(to: 3_600_000_000) }

    private func floored(to unit: Int64) -> Int64 { self - (self % unit + unit) % unit }
}

extension Rollups.Traffic {
    mutating func add(bytes size: Int, truncated isTruncated: Bool) {
        messages += 1
        bytes &+= Int64(size)
        truncated += isTruncated ? 1 : 0
    }
}
