internal import BitcoinP2P
internal import ByteCodec
internal import PostgreSQL

extension BatchDecoder {
    /// `addr` and `addrv2`: a row for each entry; entries that come in open announcements, those that go out
    /// count as relayed.
    func decodeAddresses(
        _ type: MessageType, _ context: EventContext, _ message: borrowing Message, _ session: PeerSession,
        _ day: EventBuffers.Day, _ state: StreamState
    ) -> DecodeStatus {
        if message.inbound { return receiveAddresses(type, context, message, session, day, state) }
        var scratch = ByteWriter(capacity: 128)
        // Answers to getaddr are up to a thousand entries of what the node knows, and no gossip: not kept.
        let isRelay = message.declaredEntries <= AddressClass.gossipEntries
        return forEachEntry(type, message) { entry in
            guard isRelay else { return }
            AddrEntryRow.write(context, message, entry, nil, scratch: &scratch, into: &day[.addrEntry])
            relay(context, entry, text: scratch)
        }.status
    }

    private func forEachEntry(
        _ type: MessageType, _ message: borrowing Message, _ body: (AddressEntry) -> Void
    ) -> Delivery {
        type == .addr
            ? Addr.forEach(message.payload, size: message.size, body)
            : AddrV2.forEach(message.payload, size: message.size, body)
    }

    private func receiveAddresses(
        _ type: MessageType, _ context: EventContext, _ message: borrowing Message, _ session: PeerSession,
        _ day: EventBuffers.Day, _ state: StreamState
    ) -> DecodeStatus {
        let clock = state.runs[context.run]?.clock ?? NodeClock()
        let rule = AddressClass.Rule(
            getaddrOutstanding: session.getaddrOutstanding,
            isFirstOfInbound: session.inbound == true && session.addrMessagesIn == 0,
            entries: message.declaredEntries, peer: session.address,
            nodeClock: clock.seconds(atMicros: context.micros))
        TokenBucket.refill(session, at: context.micros)
        let utcDay = UTCDay(micros: context.micros)
        var budget = state.budgets[utcDay] ?? AddressBudget()
        var minute = Rollups.AddressMinute()
        var scratch = ByteWriter(capacity: 128)
        let delivery = forEachEntry(type, message) { entry in
            let addressClass = AddressClass.classify(rule, entry.address, announcedAt: entry.announcedAt)
            AddrEntryRow.write(
                context, message, entry, addressClass, scratch: &scratch, into: &day[.addrEntry])
            minute.entries += 1
            if Double(entry.announcedAt) > rule.nodeClock { minute.future += 1 }
            let passes = TokenBucket.take(session)
            if passes { minute.passed += 1 } else { minute.limited += 1 }
            guard passes || budget.take(limit: settings.addressBudget) else { return }
            hear(context, message.peer, entry, addressClass, nodeClock: rule.nodeClock)
            listed(context, utcDay, entry, addressClass, text: scratch)
        }
        state.budgets[utcDay] = budget
        // Core takes nothing from a message that is malformed.
        if delivery.status != .malformed {
            minute.messages = 1
            minute.exactlyTen = delivery.declared == AddressClass.gossipEntries ? 1 : 0
            let key = Rollups.SessionMinuteKey(
                node: context.nodeID, minute: context.micros.flooredToMinute, session: session.key)
            rollups.addressMinutes[key, default: Rollups.AddressMinute()].add(minute)
            session.addrMessagesIn += 1
            if delivery.declared < AddressClass.fullMessage { session.getaddrOutstanding = false }
        }
        return delivery.status
    }

    /// An entry came in.
    private func hear(
        _ context: EventContext, _ peer: Int64, _ entry: AddressEntry, _ addressClass: AddressClass,
        nodeClock: Double
    ) {
        let address = Rollups.AddressKey(node: context.nodeID, address: entry.address)
        let key = Rollups.AnnouncementKey(
            heard: address, announcedAt: entry.announcedAt, addressClass: addressClass)
        if var known = rollups.announcements[key] {
            known.copies += 1
            known.lastSeen = max(known.lastSeen, context.micros)
            rollups.announcements[key] = known
        } else {
            rollups.announcements[key] = Rollups.Announcement(
                firstSeen: context.micros, clk: context.clk, run: context.run, firstPeer: peer,
                freshness: nodeClock - Double(entry.announcedAt), copies: 1, lastSeen: context.micros)
        }
        if var sighting = rollups.sightings[address] {
            sighting.count += 1
            sighting.lastSeen = max(sighting.lastSeen, context.micros)
            rollups.sightings[address] = sighting
        } else {
            rollups.sightings[address] = Rollups.Sighting(
                firstSeen: context.micros, lastSeen: context.micros, count: 1)
        }
    }

    /// An entry of that day: the database keeps the first of each address and class.
    private func listed(
        _ context: EventContext, _ day: UTCDay, _ entry: AddressEntry, _ addressClass: AddressClass,
        text: ByteWriter
    ) {
        rollups.keyedDays.insert(day)
        rollups.addressDays.beginRow(columns: 9)
        rollups.addressDays.int32(context.nodeID)
        rollups.addressDays.int64(context.run)
        rollups.addressDays.timestamp(unixMicroseconds: context.micros)
        rollups.addressDays.int32(context.clk)
        rollups.addressDays.int64(context.sequence)
        rollups.addressDays.verbatim(entry.address.network.name)
        rollups.addressDays.text(text.bytes.span.raw)
        rollups.addressDays.int32(Int32(entry.address.port))
        rollups.addressDays.verbatim(addressClass.rawValue)
    }

    /// We sent an entry on.
    private func relay(_ context: EventContext, _ entry: AddressEntry, text: ByteWriter) {
        rollups.relayed.beginRow(columns: 6)
        rollups.relayed.int32(context.nodeID)
        rollups.relayed.verbatim(entry.address.network.name)
        rollups.relayed.text(text.bytes.span.raw)
        rollups.relayed.int32(Int32(entry.address.port))
        rollups.relayed.timestamp(unixMicroseconds: microseconds(ofSeconds: UInt64(entry.announcedAt)))
        rollups.relayed.timestamp(unixMicroseconds: context.micros)
    }
}

extension Rollups.AddressMinute {
    mutating func add(_ other: Self) {
        messages += other.messages
        exactlyTen += other.exactlyTen
        entries += other.entries
        future += other.future
        passed += other.passed
        limited += other.limited
    }
}

extension AddressBudget {
    /// Takes one entry beyond the token bucket in, or counts it as refused.
    mutating func take(limit: Int64) -> Bool {
        isDirty = true
        guard opened < limit else {
            refused += 1
            return false
        }
        opened += 1
        return true
    }
}
