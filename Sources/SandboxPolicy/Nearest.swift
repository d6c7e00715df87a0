// "Did you mean": the nearest of the names that exist.

public enum Nearest {
    /// The candidate at the smallest edit distance (insertions, deletions, replacements, neighbours swapped), if it is
    /// near enough to be a slip of the hand: a third of the length, and at least one edit. nil where the word is one of
    /// them: then the mistake is another.
    public static func name(to word: String, among candidates: [String]) -> String? {
        if candidates.contains(word) { return nil }
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            // As many edits as the lengths differ are always needed; a word may be as long as its author likes.
            guard abs(word.utf8.count - candidate.utf8.count) <= max(1, candidate.utf8.count / 3) else { continue }
            let edits = distance(Array(word.utf8), Array(candidate.utf8))
            if edits <= max(1, candidate.utf8.count / 3), edits < best?.distance ?? Int.max {
                best = (candidate, edits)
            }
        }
        return best?.name
    }

    /// `; did you mean NAME?`, or nothing.
    public static func suggestion(_ word: String, among candidates: [String], prefix: String = "") -> String {
        guard let near = name(to: word, among: candidates) else { return "" }
        return "; did you mean \(prefix)\(near)?"
    }

    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var edits = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { edits = min(edits, beforeLast[j - 1] + 1) }
                row.append(edits)
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }
}
