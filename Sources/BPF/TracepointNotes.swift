internal import CLibelf
import Glibc
public import Tracepoints

/// One USDT probe site of a binary, from its `.note.stapsdt` section.
public struct ProbeSite: Sendable, Equatable {
    /// USDT provider.
    public let provider: String
    /// USDT probe name.
    public let name: String
    /// Link-time address of the site.
    public let address: UInt64
    /// Link-time address of the semaphore, or 0.
    public let semaphore: UInt64
    /// Operands as the note spells them, such as `-8@%rdi`.
    public let operands: [String]
}

/// The USDT probes of an ELF binary.
///
/// The notes survive stripping; each holds the site's address, the address that `.stapsdt.base` had when it was
/// linked, the semaphore's address and three strings (SystemTap, `sys/sdt.h`).
public struct TracepointNotes: Sendable {
    /// All sites in the order of the notes.
    public let sites: [ProbeSite]

    init(sites: [ProbeSite]) { self.sites = sites }

    /// Reads the binary at `path`.
    public init(path: String) throws(BPFError) {
        let doing = "reading the tracepoints of \(path)"
        guard elf_version(UInt32(EV_CURRENT)) != 0 else {
            throw BPFError(doing: doing, reason: "this libelf is too old")
        }
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            let code = errno
            throw BPFError(
                doing: doing, reason: unsafe String(cString: strerror(code)),
                remedy: code == ENOENT ? "check the node's `binary` setting" : "run as root")
        }
        defer { close(file) }
        guard let elf = unsafe elf_begin(file, ELF_C_READ, nil), unsafe elf_kind(elf) == ELF_K_ELF else {
            throw BPFError(
                doing: doing, reason: "it is no ELF binary",
                remedy: "name the program itself, not a script that starts it")
        }
        defer { unsafe _ = elf_end(elf) }

        var found: [ProbeSite] = []
        var section = unsafe elf_nextscn(elf, nil)
        var strings = 0
        guard unsafe elf_getshdrstrndx(elf, &strings) == 0 else {
            throw BPFError(doing: doing, reason: "its section table is damaged")
        }
        while let current = unsafe section {
            defer { unsafe section = elf_nextscn(elf, current) }
            var header = GElf_Shdr()
            guard unsafe gelf_getshdr(current, &header) != nil, header.sh_type == UInt32(SHT_NOTE),
                let name = unsafe elf_strptr(elf, strings, Int(header.sh_name)),
                unsafe String(cString: name) == ".note.stapsdt",
                let data = unsafe elf_getdata(current, nil)
            else { continue }
            var offset = 0
            while true {
                var note = GElf_Nhdr()
                var nameOffset = 0
                var descriptionOffset = 0
                let next = unsafe gelf_getnote(data, offset, &note, &nameOffset, &descriptionOffset)
                guard next > 0 else { break }
                offset = next
                guard note.n_type == 3, let base = unsafe data.pointee.d_buf else { continue }
                let bytes = unsafe UnsafeRawBufferPointer(
                    start: base + descriptionOffset, count: Int(note.n_descsz))
                if let site = unsafe Self.site(bytes) { found.append(site) }
            }
        }
        sites = found
    }

    private static func site(_ description: UnsafeRawBufferPointer) -> ProbeSite? {
        guard description.count > 27 else { return nil }
        let word = { (index: Int) in
            unsafe description.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
        }
        let texts = unsafe description.dropFirst(24).split(separator: 0, omittingEmptySubsequences: false)
        guard unsafe texts.count >= 3 else { return nil }
        let text = { (index: Int) in unsafe String(decoding: texts[index], as: UTF8.self) }
        return ProbeSite(
            provider: text(0), name: text(1), address: word(0), semaphore: word(2),
            operands: text(2).split(separator: " ").map(String.init))
    }

    /// The sites of one tracepoint.
    public func sites(of tracepoint: Tracepoint) -> [ProbeSite] {
        sites.filter { $0.provider == tracepoint.provider && $0.name == tracepoint.probe }
    }

    /// What Peerscope makes of one tracepoint in this binary.
    public func support(_ tracepoint: Tracepoint) -> TracepointSupport {
        let mine = sites(of: tracepoint)
        guard let first = mine.first else { return .missing }
        let known = tracepoint.arguments.count
        guard mine.allSatisfy({ $0.operands.count == first.operands.count }) else {
            return .unknownLayout("its sites differ in their number of arguments")
        }
        guard (known - tracepoint.optionalArguments...known).contains(first.operands.count) else {
            return .unknownLayout("\(first.operands.count) arguments, where \(known) are known")
        }
        if let operand = mine.flatMap(\.operands).first(where: { $0.contains(",") }) {
            return .unknownLayout(
                "operand \(operand) has a scaled index, which libbpf before 1.7 cannot read")
        }
        var layout: TracepointLayout = []
        if first.operands.count < known { layout.insert(.optionalAbsent) }
        // v23 and v24 measured in microseconds, and had no mempool tracepoints yet.
        if tracepoint == .blockConnected, sites(of: .mempoolAdded).isEmpty {
            layout.insert(.durationInMicroseconds)
        }
        return .supported(
            sites: mine.count, arguments: first.operands.count, semaphore: first.semaphore != 0, layout)
    }
}

/// Differences between releases that the capture program must know. Raw values as in `record.h`.
public struct TracepointLayout: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt8
    /// From bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// `mempool:replaced` with seven arguments.
    public static let optionalAbsent = TracepointLayout(rawValue: 1)
    /// `validation:block_connected` in microseconds.
    public static let durationInMicroseconds = TracepointLayout(rawValue: 2)
}

/// Whether and how a tracepoint of a binary can be captured.
public enum TracepointSupport: Sendable {
    /// The binary does not have it.
    case missing
    /// It has it in a form nobody here knows; the text says how.
    case unknownLayout(String)
    /// It can be captured.
    case supported(sites: Int, arguments: Int, semaphore: Bool, TracepointLayout)
}
