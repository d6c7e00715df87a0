# Runs a command on a terminal of its own that takes no output, and prints how the command ended: held-terminal.py WAY
# COMMAND …. WAY is `stopped` (tcflow(3) with TCOOFF) or `background` (TOSTOP, and another job is in front).

import os
import pty
import signal
import sys
import termios
import time

way, command = sys.argv[1], sys.argv[2:]
leader, follower = pty.openpty()
child = os.fork()
if child == 0:
    os.setsid()
    os.dup2(os.open(os.ttyname(follower), os.O_RDWR), 2)
    if way == "background":
        attributes = termios.tcgetattr(2)
        attributes[3] |= termios.TOSTOP
        termios.tcsetattr(2, termios.TCSANOW, attributes)
    job = os.fork()
    if job == 0:
        # In front stays the session's leader.
        os.setpgid(0, 0)
        if way == "stopped":
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            termios.tcflow(2, termios.TCOOFF)
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execvp(command[0], command)
    ended = 0
    for _ in range(400):
        ended, status = os.waitpid(job, os.WUNTRACED | os.WNOHANG)
        if ended:
            break
        time.sleep(0.05)
    if not ended or os.WIFSTOPPED(status):
        os.kill(job, signal.SIGKILL)
        print("stopped" if ended else "held", flush=True)
    else:
        print(os.waitstatus_to_exitcode(status), flush=True)
    os._exit(0)
os.waitpid(child, 0)
