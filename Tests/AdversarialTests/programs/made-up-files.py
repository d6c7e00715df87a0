# A file system in user space (fuse(4)) of one file: made-up-files.py FOLDER USER NAME TEXT mounts it at FOLDER as that
# user's, and says of all there that it is id 0's and nobody else may write it.

import ctypes
import os
import struct
import sys

folder, user, name, text = sys.argv[1], sys.argv[2], sys.argv[3].encode(), sys.argv[4].encode() + b"\n"
device = os.open("/dev/fuse", os.O_RDWR)
options = "fd=%d,rootmode=40000,user_id=%s,group_id=0,allow_other" % (device, user)
if ctypes.CDLL(None, use_errno=True).mount(b"made-up", folder.encode(), b"fuse", 0, options.encode()):
    sys.exit(os.strerror(ctypes.get_errno()))


def attributes(node):
    mode, size = (0o40755, 0) if node == 1 else (0o100644, len(text))
    return struct.pack("<QQQQQQIIIIIIIIII", node, size, 1, 1, 1, 1, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(kind, node, body):
    if kind == 26:  # INIT
        return struct.pack("<IIIIHHIIHH8I", 7, 31, 65536, 0, 16, 12, 65536, 1, 16, 0, *[0] * 8)
    if kind == 1:  # LOOKUP
        if body.rstrip(b"\0") != name:
            return -2
        return struct.pack("<QQQQII", 2, 0, 60, 60, 0, 0) + attributes(2)
    if kind == 3:  # GETATTR
        return struct.pack("<QII", 60, 0, 0) + attributes(node)
    if kind in (14, 27):  # OPEN, OPENDIR
        return struct.pack("<QII", 1, 0, 0)
    if kind == 15:  # READ
        offset, size = struct.unpack_from("<QI", body, 8)
        return text[offset:offset + size]
    if kind == 17:  # STATFS
        return struct.pack("<QQQQQIIII6I", 1, 0, 0, 1, 0, 4096, 255, 4096, 0, *[0] * 6)
    if kind in (18, 25, 29):  # RELEASE, FLUSH, RELEASEDIR
        return b""
    return -38


while True:
    try:
        request = os.read(device, 1 << 17)
    except OSError:
        break
    _, kind, unique, node = struct.unpack_from("<IIQQ", request)
    if kind in (2, 42):  # FORGET wants no answer.
        continue
    found = answer(kind, node, request[40:])
    if isinstance(found, int):
        os.write(device, struct.pack("<IiQ", 16, found, unique))
    else:
        os.write(device, struct.pack("<IiQ", 16 + len(found), 0, unique) + found)
