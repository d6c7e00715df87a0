// The launcher: `run`, `start` and `shell` here, every other word in sandbox-manage.

import LinuxSystem

Process.exit(Start.run(Process.arguments))
