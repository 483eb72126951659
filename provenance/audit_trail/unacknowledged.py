"""How much of what was written to a socket its peer has not taken: the kernel knows (tcp(7))."""

import socket
import struct
import sys

if sys.platform == "linux":
    import fcntl
    import termios

    def unacknowledged(line: socket.socket) -> int:
        """Return the bytes that the peer's TCP has not acknowledged (SIOCOUTQ)."""
        answer = fcntl.ioctl(line, termios.TIOCOUTQ, bytes(struct.calcsize("i")))
        (count,) = struct.unpack("i", answer)
        return int(count)

else:

    def unacknowledged(line: socket.socket) -> int:
        """Return 0: this system is not asked."""
        return 0
