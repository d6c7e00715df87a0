import LinuxSystem
import Profiles
import SandboxPolicy
import Testing

struct ProfileTrustTests {
    /// A new option is closed to strangers until somebody says why it may be open.
    @Test(arguments: Option.allCases.filter { $0.described.place != .commandLine })
    func everyOptionSaysWhatAStrangerMaySay(_ option: Option) {
        #expect(option.described.untrusted != .unexamined)
        #expect(!Untrusted.unexamined.allows("none"))
    }

    @Test func aProjectsProfileThatOpensNothingNeedsNoTrust() throws {
        let world = try World()
        try world.writeProject("quiet", "network = \"none\"\ncap-drop = [\"ALL\"]")
        #expect(try world.settings(of: "quiet") == ["network=none", "cap-drop=ALL"])
    }

    @Test func oneThatOpensIsRefusedUntilTrusted() throws {
        let world = try World()
        try world.writeProject("open", "bind = [\"/etc\"]\nnetwork = \"host\"")
        let message = try #require(world.failure(of: "open"))
        #expect(message.contains("comes from the project and opens or steers the sandbox (bind, network)"))
        #expect(message.hasSuffix("`sandbox profile trust open`"))
        try world.trust("open")
        #expect(try world.settings(of: "open") == ["bind=/etc", "network=host"])
    }

    @Test func changedContentIsRefusedAgain() throws {
        let world = try World()
        try world.writeProject("open", "network = \"host\"")
        try world.trust("open")
        try world.writeProject("open", "network = \"host\"\nhere = true")
        #expect(world.failure(of: "open")?.contains("has changed since it was trusted") == true)
    }

    @Test func trustCanBeTakenBackAndTakingItBackTwiceIsNoError() throws {
        let world = try World()
        try world.writeProject("open", "network = \"host\"")
        try world.trust("open")
        let resolver = world.resolver()
        let file = try resolver.locate("open").file
        try resolver.trust.revoke(file)
        try resolver.trust.revoke(file)
        #expect(world.failure(of: "open")?.contains("sandbox profile trust open") == true)
    }

    @Test func whatItExtendsCountsAsItsOwnWord() throws {
        let world = try World()
        try world.writeInstalled("shell", "network = \"host\"")
        try world.writeProject("sly", "extends = \"shell\"")
        #expect(world.failure(of: "sly")?.contains("(network)") == true)
    }

    @Test func aFileThatAProjectsProfileNamesByPathIsTheProjects() throws {
        let world = try World()
        try world.write("home/project/elsewhere.toml", "here = true")
        try world.writeProject("sly", "extends = \"../../elsewhere.toml\"")
        #expect(world.failure(of: "sly")?.contains("elsewhere.toml") == true)
        // The same file, named by the user, is the user's word.
        #expect(try world.settings(of: "./elsewhere.toml") == ["here=true"])
        #expect(world.failure(of: "./.sandbox/profiles/sly.toml")?.contains("comes from the project") == true)
    }

    @Test func eachMemberOfTheProjectsNeedsIt() throws {
        let world = try World()
        try world.writeProject("base", "here = true")
        try world.writeProject("top", "extends = \"base\"\nhostname = \"h\"")
        let resolver = world.resolver()
        for member in try resolver.resolve("top", trusting: true).members where member.profile.name == "top" {
            try resolver.trust.trust(member.profile.file, covers: member.covers)
        }
        #expect(world.failure(of: "top")?.contains("\"base\"") == true)
        try world.trust("top")
        #expect(try world.settings(of: "top") == ["here=true", "hostname=h"])
    }

    @Test func oneThatShadowsIsRefusedWhateverItSays() throws {
        let world = try World()
        try world.writeProject("default", "hostname = \"h\"")
        #expect(world.failure(of: "default")?.contains("takes the place of a profile of yours") == true)
    }

    @Test func trustOfOneFileIsNoTrustOfAnotherWithTheSameContent() throws {
        let world = try World()
        try world.writeProject("a", "here = true")
        try world.writeProject("b", "here = true")
        try world.trust("a")
        #expect(world.failure(of: "a") == nil)
        #expect(world.failure(of: "b") != nil)
    }

    @Test func theTrustRecordIsADependency() throws {
        let world = try World()
        try world.writeProject("open", "here = true")
        try world.trust("open")
        let resolver = world.resolver()
        let record = resolver.trust.record(of: try resolver.locate("open").file)
        let found = try resolver.resolve("open").dependencies.first { $0.path == record }
        #expect(found?.stamp == FileStatus.stamp(of: record))
        #expect(found?.stamp != "-")
    }
}
