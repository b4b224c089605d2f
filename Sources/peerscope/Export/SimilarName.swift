/// What somebody may have meant by a name that is not there.
enum SimilarName {
    /// The nearest of `names`: one that contains `name` or differs from it by few letters; `nil` when none is near.
    static func nearest(_ name: String, in names: [String]) -> String? {
        let wanted = name.lowercased()
        let distances = names.map { (name: $0, distance: distance(wanted, $0.lowercased())) }
        let limit = max(2, wanted.count / 3)
        if let best = distances.filter({ $0.distance <= limit }).min(by: { $0.distance < $1.distance }) {
            return best.name
        }
        guard wanted.count >= 3 else { return nil }
        return distances.filter { $0.name.lowercased().contains(wanted) }
            .min { $0.distance < $1.distance }?.name
    }

    /// Letters to insert, remove or replace (Levenshtein).
    static func distance(_ one: String, _ other: String) -> Int {
        let other = Array(other)
        var costs = Array(0...other.count)
        for (row, letter) in one.enumerated() {
            var diagonal = costs[0]
            costs[0] = row + 1
            for (column, against) in other.enumerated() {
                let replaced = diagonal + (letter == against ? 0 : 1)
                diagonal = costs[column + 1]
                costs[column + 1] = min(replaced, costs[column] + 1, diagonal + 1)
            }
        }
        return costs[other.count]
    }
}
