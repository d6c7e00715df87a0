#!/usr/bin/env python3
"""Runs a command under a seccomp filter that refuses system calls, as a container's does.

    refuse-calls.py NAME=ERRNO [NAME=ERRNO ...] -- COMMAND [ARG ...]

`namespaces` stands for what makes a user namespace: clone3, and clone and unshare with CLONE_NEWUSER.
"""
import ctypes
import errno
import os
import platform
import struct
import sys

NUMBERS = {
    "x86_64": {"clone": 56, "unshare": 272, "seccomp": 317},
    "aarch64": {"clone": 220, "unshare": 97, "seccomp": 277},
}[platform.machine()] | {"clone3": 435, "fsopen": 430, "openat2": 437, "landlock_create_ruleset": 444}
LOAD, JUMP_EQUAL, JUMP_SET, RETURN = 0x20, 0x15, 0x45, 0x06
NUMBER, FIRST_ARGUMENT = 0, 16
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
CLONE_NEWUSER = 0x10000000


def program(refused):
    code = []
    for name, answer in refused:
        only_with_flag = name in ("clone", "unshare")
        code.append((LOAD, 0, 0, NUMBER))
        code.append((JUMP_EQUAL, 0, 3 if only_with_flag else 1, NUMBERS[name]))
        if only_with_flag:
            code.append((LOAD, 0, 0, FIRST_ARGUMENT))
            code.append((JUMP_SET, 0, 1, CLONE_NEWUSER))
        code.append((RETURN, 0, 0, ERRNO | answer))
    code.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code), len(code)


words = sys.argv[1:]
end = words.index("--")
refused = []
for word in words[:end]:
    name, answer = word.split("=")
    names = ["clone3", "clone", "unshare"] if name == "namespaces" else [name]
    refused += [(each, getattr(errno, answer)) for each in names]
code, count = program(refused)
memory = ctypes.create_string_buffer(code)
filter_program = struct.pack("HxxxxxxP", count, ctypes.addressof(memory))
libc = ctypes.CDLL(None, use_errno=True)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_program, 0, 0):
    sys.exit(f"can't install the filter: {os.strerror(ctypes.get_errno())}")
os.execvp(words[end + 1], words[end + 1 :])
