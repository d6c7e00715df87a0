import LinuxSystem
import SandboxPolicy
import Testing

struct OptionHelpTests {
    @Test(arguments: LaunchCommand.allCases)
    func aPageNamesEveryOptionInNoMoreThanAHundredColumns(_ command: LaunchCommand) {
        let lines = OptionHelp.page(for: command).split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= 100 })
        for option in command.options {
            #expect(lines.contains { $0.contains("--\(option.rawValue)") })
        }
    }

    @Test func optionsOfFilesAreOnNoPage() {
        #expect(!OptionHelp.page(for: .run).contains("--command"))
    }

    @Test func helpStandsInOneColumn() {
        #expect(OptionHelp.row("a", "one two", column: 6) == "  a   one two\n")
        #expect(OptionHelp.row("much-too-long", "one", column: 6) == "  much-too-long\n      one\n")
    }

    @Test func thePageOfOptionsIsTheOneInTheRepository() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let kept = try Files.read("/\(root)/docs/options.md")
        #expect(String(decoding: kept, as: UTF8.self) == OptionHelp.markdown)
    }

    @Test func thePageOfComparisonsIsTheOneInTheRepository() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let kept = try Files.read("/\(root)/docs/compared.md")
        #expect(String(decoding: kept, as: UTF8.self) == ForeignOption.markdown)
    }

    @Test func theManualPageHasNothingThatTroffTakesForItsOwn() {
        let command = ManualPage.Command(
            name: "x", synopsis: "[-a]", summary: "does", explanation: ".so /etc/passwd\n'x\\fB",
            options: [("-a", ".b")])
        let page = ManualPage.text(version: "1", summary: "Sum.", [command])
        #expect(page.contains("\\&.so /etc/passwd\n\\&'x\\efB\n") && page.contains("\\fB\\-a\\fR\n\\&.b\n"))
        for option in Option.allCases where option.described.place != .files {
            #expect(page.contains(option.rawValue.split(separator: "-").joined(separator: "\\-")), "\(option)")
        }
    }

    @Test func thePageNamesEveryOption() {
        for option in Option.allCases where option.described.place != .files {
            #expect(OptionHelp.markdown.contains("--\(option.rawValue)"))
        }
    }
}
