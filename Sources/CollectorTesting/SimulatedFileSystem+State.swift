extension SimulatedFileSystem.State {
    func inode(_ path: String) -> Int? {
        let place = SimulatedFileSystem.split(path)
        return folders[place.folder]?.cached[place.name]
    }

    /// Bytes that are free.
    var room: Int {
        guard errors.capacity != .max else { return .max }
        let linked = Set(folders.values.flatMap { $0.cached.values })
        return max(0, errors.capacity - linked.reduce(0) { $0 + inodes[$1].cached.count })
    }

    mutating func write(_ bytes: [UInt8], to inode: Int, at offset: Int) {
        guard !bytes.isEmpty else { return }
        inodes[inode].cached.put(bytes, at: offset)
        inodes[inode].pending.append(.write(offset: offset, bytes: bytes))
    }

    mutating func cut(_ inode: Int, to size: Int) {
        inodes[inode].cached.resize(to: size)
        inodes[inode].pending.append(.cut(size: size))
    }

    mutating func change(_ folder: String, _ change: SimulatedFileSystem.FolderChange) {
        folders[folder]?.cached.apply(change)
        folders[folder]?.pending.append(change)
    }

    /// Writes what is pending, which is not all that differs if a sync has failed before.
    mutating func flush(_ inode: Int) {
        for change in inodes[inode].pending {
            switch change {
            case .cut(let size): inodes[inode].durable.resize(to: size)
            case .write(let offset, let bytes): inodes[inode].durable.put(bytes, at: offset)
            }
        }
        inodes[inode].pending = []
    }

    /// Leaves on disk what was synced and any part of the rest.
    mutating func losePower() {
        for index in inodes.indices {
            inodes[index].cached = survivors(of: inodes[index])
            inodes[index].durable = inodes[index].cached
            inodes[index].pending = []
        }
        for path in folders.keys.sorted() {
            guard var folder = folders[path] else { continue }
            let mood = Mood.allCases.randomElement(using: &generator) ?? .some
            for change in folder.pending where mood.keeps(&generator) { folder.durable.apply(change) }
            folder.cached = folder.durable
            folder.pending = []
            folders[path] = folder
        }
    }

    private mutating func survivors(of inode: SimulatedFileSystem.Inode) -> [UInt8] {
        var content = inode.durable
        let mood = Mood.allCases.randomElement(using: &generator) ?? .some
        for change in inode.pending {
            switch change {
            case .cut(let size): if mood.keeps(&generator) { content.resize(to: size) }
            case .write(let offset, let bytes):
                let step = SimulatedFileSystem.sectorBytes
                // Sectors are the disk's, not the write's.
                var start = 0
                while start < bytes.count {
                    let end = min(bytes.count, ((offset + start) / step + 1) * step - offset)
                    if mood.keeps(&generator) {
                        content.put(Array(bytes[start..<end]), at: offset + start)
                    } else if mood == .some, generator.once(in: 4) {
                        // The length alone.
                        content.put([], at: offset + end)
                    }
                    start = end
                }
            }
        }
        return content
    }

    /// How much survives: extremes are as likely as mixtures.
    private enum Mood: CaseIterable {
        case all, none, some

        func keeps(_ generator: inout SeededGenerator) -> Bool {
            switch self {
            case .all: true
            case .none: false
            case .some: Bool.random(using: &generator)
            }
        }
    }
}

extension [UInt8] {
    /// Writes as a file does: a hole before `offset` reads as zeros.
    fileprivate mutating func put(_ bytes: [UInt8], at offset: Int) {
        if count < offset + bytes.count { resize(to: offset + bytes.count) }
        replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }

    fileprivate mutating func resize(to size: Int) {
        if count > size {
            removeLast(count - size)
        } else {
            append(contentsOf: repeatElement(0, count: size - count))
        }
    }
}

extension [String: Int] {
    fileprivate mutating func apply(_ change: SimulatedFileSystem.FolderChange) {
        switch change {
        case .link(let name, let inode): self[name] = inode
        case .unlink(let name): self[name] = nil
        case .rename(let name, let new, let inode):
            self[name] = nil
            self[new] = inode
        }
    }
}
