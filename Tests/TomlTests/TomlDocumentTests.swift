import Testing
import Toml

struct TomlDocumentTests {
    @Test func keepsKindsValuesAndPlaces() throws {
        let text = """
            # a comment
            text = "a\\tb"
              number = 12
            yes = true
            when = 1979-05-27
            list = [
                "one",
                2,
            ]
            [table]
            key = 'é'
            """
        let entries = try TomlDocument(parsing: Array(text.utf8)).entries
        #expect(entries.map(\.key) == ["text", "number", "yes", "when", "list", "table"])
        #expect(entries.map(\.node.line) == [2, 3, 4, 5, 6, 10])
        #expect(entries[1].node.column == 3)
        #expect(entries[0].node.value == .string("a\tb"))
        #expect(entries[1].node.value == .integer(12))
        #expect(entries[2].node.value == .boolean(true))
        #expect(entries[3].node.value == .other)
        guard case .array(let elements) = entries[4].node.value, case .table(let inner) = entries[5].node.value else {
            Issue.record("list is no array, or table is no table")
            return
        }
        #expect(elements.map(\.value) == [.string("one"), .integer(2)])
        #expect(elements.map(\.line) == [7, 8])
        #expect(inner.map(\.key) == ["key"])
        #expect(inner.map(\.node.value) == [.string("é")])
    }

    @Test func keepsNulCharactersInStrings() throws {
        let entries = try TomlDocument(parsing: Array("a = \"x\\u0000y\"".utf8)).entries
        #expect(entries.map(\.node.value) == [.string("x\0y")])
    }

    @Test func anEmptyFileHasNoEntries() throws {
        #expect(try TomlDocument(parsing: []).entries.isEmpty)
    }

    @Test(arguments: [
        ("a = 1\nb = \n", 2), ("a = 1\na = 2\n", 2), ("[t\n", 1), ("a = 'x", 1), ("\n\n= 3\n", 3), ("a = \"\\q\"", 1),
    ])
    func saysWhereTextIsNotToml(_ text: String, _ line: Int) {
        let error = #expect(throws: TomlError.self) { try TomlDocument(parsing: Array(text.utf8)) }
        #expect(error?.line == line)
        #expect((error?.column ?? 0) > 0)
        #expect(error?.message.isEmpty == false)
    }

    @Test func refusesBytesThatAreNotUtf8() {
        #expect(throws: TomlError.self) { try TomlDocument(parsing: Array("a = \"".utf8) + [0xff, 0x22]) }
    }
}
