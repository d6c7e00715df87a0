// What a name stands for is never another list of words.

import SandboxPolicy
import Testing

struct EntryKeyTests {
    @Test func noTwoListsOfWordsLookAlike() {
        let lists = [
            [], [""], ["", ""], ["a"], ["a", ""], ["", "a"], ["a", "b"], ["ab"], ["a\u{0}b"], ["a", "b", ""], ["1:a"],
            ["a1:b"], ["a", "1:b"], ["é"], ["e\u{301}"],
        ]
        let keys = lists.map { EntryKey("kind", $0) }
        #expect(Set(keys.map(\.name)).count == lists.count)
        for (index, key) in keys.enumerated() {
            // No entry of one is taken for an entry of another, whatever its content is.
            for (other, stranger) in keys.enumerated() where other != index {
                #expect(key != stranger && key.content(of: stranger.entry([1, 2])) == nil)
            }
            #expect(key.content(of: key.entry([1, 2])) == [1, 2])
            #expect(EntryKey(word: key.word) == key)
        }
        #expect(EntryKey("kind", ["a"]).name != EntryKey("other", ["a"]).name)
        #expect(EntryKey("kind", ["a"]).name.utf8.count == 64)
    }

    /// Names of files that nothing is found by any more, beside those that are in use.
    @Test func namesOfEarlierVersionsAreKnown() {
        let old = "0123456789abcdef0123456789abcdef"
        for name in [old, "tar-\(old).single", "tar-\(old).range", "\(old).lock", "\(old).new"] {
            #expect(EntryKey.isOutdated(name: name), "\(name)")
        }
        let name = EntryKey("set-up", []).name
        for name in [name, name + ".lock", "lock", "", old + "0", String(old.dropLast()), "tar-", old.uppercased()] {
            #expect(!EntryKey.isOutdated(name: name), "\(name)")
        }
        #expect(ImageReference("sandbox-layout/" + old)?.isOutdated == true)
        #expect(ImageReference(ImageReference.madeUpName(EntryKey("layout", [])))?.isOutdated == false)
    }
}
