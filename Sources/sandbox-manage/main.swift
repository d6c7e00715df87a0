// sandbox-manage: every command that is not about starting a sandbox. Users type `sandbox`, which hands over to this.

import ArgumentParser
import Foundation
import LinuxSystem

var status = Invocation(Array(LinuxSystem.Process.arguments.dropFirst())).run()
// What print(…) has taken may not have got anywhere: a full disk.
if fflush(nil) != 0 {
    Invocation.say("can't write to standard output: \(Errno.current); free some space there")
    status = Invocation.failure
}
Root.exit(withError: status)
