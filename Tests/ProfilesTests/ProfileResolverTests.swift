import Foundation
import LinuxSystem
import SandboxPolicy
import Testing

@testable import Profiles

struct ProfileResolverTests {
    @Test func findsANameInTheProjectThenTheUsersThenTheInstalledFolder() throws {
        let world = try World()
        try world.writeInstalled("a", "hostname = \"installed\"")
        #expect(try world.settings(of: "a") == ["hostname=installed"])
        try world.writeUser("a", "hostname = \"user\"")
        #expect(try world.settings(of: "a") == ["hostname=user"])
        try world.writeProject("a", "hostname = \"project\"")
        try world.trust("a")
        #expect(try world.settings(of: "a") == ["hostname=project"])
    }

    @Test func findsTheProjectAboveTheCurrentFolderButNotAboveTheHome() throws {
        let world = try World()
        try Files.makeDirectories(world.project + "/deep/down")
        try world.writeProject("a", "hostname = \"p\"")
        #expect(world.resolver(in: "home/project/deep/down").search.project == world.project + "/.sandbox")
        let bare = try World()
        try bare.write(".sandbox/profiles/a.toml", "hostname = \"evil\"")
        #expect(bare.resolver().search.project == nil)
        #expect(bare.failure(of: "a")?.hasPrefix("no profile \"a\"") == true)
    }

    @Test func anotherUsersFolderIsNoProject() throws {
        let world = try World()
        try world.writeProject("a", "hostname = \"p\"")
        let search = ProfileSearch(
            places: world.places, installed: world.installed, currentFolder: world.project, home: world.home,
            user: Process.effectiveUser + 1)
        #expect(search.project == nil)
    }

    @Test func joinsExtendedProfilesFirstAndEachOnce() throws {
        let world = try World()
        try world.writeUser("base", "mask = [\"/base\"]")
        try world.writeUser("left", "extends = \"base\"\nmask = [\"/left\"]")
        try world.writeUser("right", "extends = \"base\"\nmask = [\"/right\"]")
        try world.writeUser("top", "extends = [\"left\", \"right\"]\nmask = [\"/top\"]")
        #expect(try world.settings(of: "top") == ["mask=/base", "mask=/left", "mask=/right", "mask=/top"])
        let origins = try world.resolver().resolve("top").settings.map(\.origin)
        #expect(origins == ["base", "left", "right", "top"].map { .profile($0) })
    }

    @Test func wordsOfACommandReplaceThoseOfAnExtendedProfile() throws {
        let world = try World()
        try world.writeUser("base", "command = [\"make\", \"all\"]\nhostname = \"h\"")
        try world.writeUser("top", "extends = \"base\"\ncommand = [\"make\", \"test\"]")
        #expect(try world.settings(of: "top") == ["hostname=h", "command=make", "command=test"])
    }

    @Test func aProfileThatExtendsItsOwnNameMeansTheOneItShadows() throws {
        let world = try World()
        try world.writeInstalled("build", "mask = [\"/installed\"]")
        try world.writeUser("build", "extends = \"build\"\nmask = [\"/user\"]")
        #expect(try world.settings(of: "build") == ["mask=/installed", "mask=/user"])
        try world.writeInstalled("build", "extends = \"build\"")
        #expect(world.failure(of: "build")?.contains("extends its own name") == true)
    }

    @Test func namesACircle() throws {
        let world = try World()
        try world.writeUser("a", "extends = \"b\"")
        try world.writeUser("b", "extends = \"a\"")
        #expect(world.failure(of: "a")?.contains("a -> b -> a;") == true)
        try world.writeUser("c", "extends = \"./c.toml\"")
        #expect(world.failure(of: "c")?.contains("circle") == true)
    }

    @Test func takesAPathRelativeToTheCurrentFolderAndThenToTheFile() throws {
        let world = try World()
        try world.write("home/project/p.toml", "extends = \"more/q.toml\"\nhostname = \"p\"")
        try world.write("home/project/more/q.toml", "bind = [\"./d\"]")
        #expect(try world.settings(of: "p.toml") == ["bind=\(world.project)/more/d", "hostname=p"])
        #expect(world.failure(of: "./none.toml")?.contains("no profile \"./none.toml\"") == true)
    }

    @Test func saysTheNearOneAndWhereItLooked() throws {
        let world = try World()
        let message = try #require(world.failure(of: "defualt"))
        #expect(message.hasPrefix("no profile \"defualt\"; did you mean default?"))
        #expect(message.contains(world.installed + "/defualt.toml"))
        #expect(message.contains(world.places.userProfiles + "/defualt.toml"))
    }

    @Test func refusesWhatOthersCanWriteAndWhatIsNoFile() throws {
        let world = try World()
        try world.write("home/.config/sandbox/profiles/open.toml", "hostname = \"h\"", mode: 0o666)
        #expect(world.failure(of: "open")?.contains("can be written by others") == true)
        try Files.makeDirectories(world.places.userProfiles + "/folder.toml")
        #expect(world.failure(of: "folder")?.contains("not a regular file") == true)
    }

    @Test func noticesEveryFileThatWouldChangeTheAnswer() throws {
        let world = try World()
        try world.writeUser("base", "hostname = \"h\"")
        try world.writeInstalled("top", "extends = \"base\"")
        let found = try world.resolver().resolve("top").dependencies
        func stamp(_ path: String) -> String? { found.first { $0.path == path }?.stamp }
        #expect(stamp(world.project + "/.sandbox") == "-")
        #expect(stamp(world.home + "/.sandbox") == "-")
        #expect(stamp(world.places.userProfiles + "/top.toml") == "-")
        for path in [world.installed + "/top.toml", world.places.userProfiles + "/base.toml"] {
            #expect(stamp(path) == FileStatus.stamp(of: path))
            #expect(stamp(path) != "-")
        }
        let file = try world.resolver().resolve("top").file
        #expect(SettingsFile(encoded: file.encoded) == file)
    }

    @Test func listsAllProfilesAndWhichAreShadowed() throws {
        let world = try World()
        try world.writeUser("default", "hostname = \"h\"")
        let all = world.resolver().search.all()
        #expect(all.map(\.name) == ["default", "default"])
        #expect(all.map(\.source) == [.user, .installed])
        #expect(all.map(\.shadowed) == [false, true])
    }
}
