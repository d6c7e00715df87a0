// This machine's own addresses, out of reach of a sandbox whose network is pasta's. pasta connects from outside, where
// every service of this machine that listens on all addresses is found by each of them: those of a bridge, a VPN, another
// card, and the link-local ones. So inside they are made the sandbox's own, where nobody answers.

import LinuxSystem

struct OwnAddresses {
    private let users: SharedDescriptor
    private let network: SharedDescriptor

    /// To be called before init shuts itself off from being looked into.
    init(of child: ProcessID) throws(Errno) {
        users = SharedDescriptor(try .open("/proc/\(child)/ns/user", [.readOnly]))
        network = SharedDescriptor(try .open("/proc/\(child)/ns/net", [.readOnly]))
    }

    /// What has to stay open for `close`.
    var descriptors: (users: Int32, network: Int32) { (users.raw, network.raw) }

    /// Closes those that this machine has now. No command can open one again without CAP_NET_ADMIN.
    func close() throws(Errno) {
        let own = try Routes().ownAddresses()
        try Apart.run(in: users.descriptor) { () throws(Errno) in
            try Namespacing.enter(network.descriptor)
            guard let device = Routes.device else { throw .noDevice }
            let routes = try Routes()
            for address in own { try routes.makeOwn(address, device: device) }
        }
    }
}
