internal import ByteCodec
internal import Tracepoints

/// The fields of each kind of record, from which the cursor finds where a record ends.
///
/// Tracepoint events take theirs from the catalogue, control records from the list below.
enum RecordLayout {
    enum Field: UInt8 {
        case zigzag, varint, byte, hash, uuid, string, payload, counterList
    }

    /// Fields by kind; nil where the kind is unknown.
    static let byKind: [[Field]?] = (0...UInt8.max).map { kind in
        if let tracepoint = Tracepoint(rawValue: kind) {
            return tracepoint.arguments.map { field(of: $0.kind) }
        }
        return ControlKind(rawValue: kind)?.fields
    }

    /// How many fields at the end may be left out under ``RecordFlags/optionalAbsent``.
    static func optionalFields(of kind: UInt8) -> Int {
        Tracepoint(rawValue: kind)?.optionalArguments ?? 0
    }

    private static func field(of argument: Tracepoint.ArgumentKind) -> Field {
        switch argument {
        case .signed: .zigzag
        case .unsigned: .varint
        case .boolean: .byte
        case .hash: .hash
        case .string: .string
        case .payload: .payload
        }
    }

    enum Fault: Error {
        case bytes(ByteCodecError)
        case string(index: UInt64)
    }

    /// Steps over one field.
    @_lifetime(reader: copy reader)
    static func skip(_ field: Field, in reader: inout ByteReader, stringCount: Int) throws(Fault) {
        do throws(ByteCodecError) {
            switch field {
            case .zigzag, .varint: _ = try reader.varint()
            case .byte: try reader.skip(1)
            case .hash: try reader.skip(32)
            case .uuid: try reader.skip(16)
            case .payload: try reader.skip(Int(clamping: try reader.varint()))
            case .counterList:
                // Six bytes an entry at least, so the count is bounded by the bytes that are left.
                let count = try reader.varint()
                guard count <= UInt64(reader.remaining / 6) else {
                    throw .limitExceeded(
                        offset: reader.offset, value: count, limit: UInt64(reader.remaining / 6))
                }
                for _ in 0..<count {
                    try reader.skip(1)
                    for _ in 0..<5 { _ = try reader.varint() }
                }
            case .string:
                let index = try reader.varint()
                guard index < UInt64(stringCount) else {
                    throw .limitExceeded(offset: reader.offset, value: index, limit: UInt64(stringCount))
                }
            }
        } catch {
            if case .limitExceeded(_, let value, _) = error, field == .string { throw .string(index: value) }
            throw .bytes(error)
        }
    }
}
