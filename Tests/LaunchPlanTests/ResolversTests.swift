import LaunchPlan
import Testing

struct ResolversTests {
    @Test func serversOnTheLoopbackAreLeftOut() {
        let text =
            "search a.example\nnameserver 127.0.0.53\nnameserver\t192.0.2.1\n# nameserver ::1\nnameserver ::1\noptions edns0\n"
        let resolvers = Resolvers(text)
        #expect(resolvers.outside == ["192.0.2.1"])
        #expect(resolvers.textOutside == "search a.example\nnameserver\t192.0.2.1\n# nameserver ::1\noptions edns0\n")
    }

    @Test(arguments: ["127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"])
    func whatIsALoopback(_ address: String) {
        #expect(Resolvers("nameserver \(address)").outside.isEmpty)
    }
}
