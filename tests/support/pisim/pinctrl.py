"""Stands in for Raspberry Pi OS's `pinctrl` on the simulated header: `get PIN`, `set PIN FUNCTION...`.

Standard library only, run by path: it starts two dozen times to free one bus.
"""

import os
import socket
import struct
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as header:
    header.connect(os.environ["PISIM_SOCK"])
    words = " ".join(sys.argv[1:]).encode()
    header.send(struct.pack("II", ord("M"), len(words)) + words)
    reply = header.recv(4096)
sys.stdout.write(reply[4:].decode())
sys.exit(1 if struct.unpack_from("i", reply)[0] else 0)
