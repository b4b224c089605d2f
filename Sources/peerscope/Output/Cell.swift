/// Values as people read them.
enum Cell {
    /// What stands for NULL.
    static let none = "-"

    /// A number with so many decimals; large ones with none.
    static func number(_ value: Double?, decimals: Int) -> String {
        guard let value, value.isFinite else { return none }
        let scale = (0..<decimals).reduce(1.0) { product, _ in product * 10 }
        let scaled = (value * scale).rounded()
        guard abs(scaled) < 9e15 else { return "\(value)" }
        let whole = Int64(scaled)
        var digits = String(whole.magnitude)
        if digits.count <= decimals {
            digits = String(repeating: "0", count: decimals + 1 - digits.count) + digits
        }
        let sign = whole < 0 ? "-" : ""
        guard decimals > 0 else { return sign + digits }
        return sign + digits.dropLast(decimals) + "." + digits.suffix(decimals)
    }

    /// A number with three or four digits that count.
    static func sensible(_ value: Double?) -> String {
        guard let value else { return none }
        let size = abs(value)
        return number(value, decimals: size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)
    }

    /// A duration in seconds, with the unit that suits it.
    static func duration(_ seconds: Double?) -> String {
        guard let seconds else { return none }
        let size = abs(seconds)
        if size < 1 { return number(seconds * 1000, decimals: 0) + " ms" }
        if size < 100 { return number(seconds, decimals: 1) + " s" }
        if size < 100 * 60 { return number(seconds / 60, decimals: 0) + " min" }
        if size < 100 * 3600 { return number(seconds / 3600, decimals: 0) + " h" }
        return number(seconds / 86400, decimals: 0) + " d"
    }

    /// A size in bytes, with the unit that suits it.
    static func bytes(_ count: Double?) -> String {
        guard var rest = count else { return none }
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if abs(rest) < 1000 {
                return (unit == "B" ? number(rest, decimals: 0) : sensible(rest)) + " \(unit)"
            }
            rest /= 1024
        }
        return sensible(rest) + " TiB"
    }

    /// PostgreSQL's timestamp in UTC, with so many digits of a second; others are cut, not rounded.
    static func time(_ value: String?, fraction: Int) -> String {
        guard let value else { return none }
        let plain = value.hasSuffix("+00") ? value.dropLast(3) : Substring(value)
        guard let dot = plain.lastIndex(of: ".") else {
            guard fraction > 0, plain.last?.isNumber == true else { return String(plain) }
            return plain + "." + String(repeating: "0", count: fraction)
        }
        let digits = plain[plain.index(after: dot)...].prefix(fraction)
        guard fraction > 0 else { return String(plain[..<dot]) }
        return plain[..<dot] + "." + digits + String(repeating: "0", count: fraction - digits.count)
    }

    /// The end of a hash: its beginning is zeros.
    static func hash(_ hex: String?) -> String {
        guard let hex else { return none }
        return hex.count <= 16 ? hex : "…" + hex.suffix(12)
    }

    /// An address with its port, in brackets where that is needed.
    static func endpoint(_ address: String?, _ port: String?) -> String {
        guard let address else { return none }
        guard let port else { return address }
        return address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }

    /// Text without anything that a terminal would obey.
    static func safe(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var safe = ""
        for scalar in text.unicodeScalars {
            if isControl(scalar) {
                safe += "\\x" + hexadecimal(scalar.value)
            } else {
                safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return digits.count % 2 == 0 ? digits : "0" + digits
    }
}
