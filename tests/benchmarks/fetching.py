"""Downloads several files at once and throws them away, as fast as one process can.

python -m tests.benchmarks.fetching PORT PATH…     prints the seconds it took
"""

from __future__ import annotations

import re
import selectors
import socket
import sys
import time
from collections.abc import Sequence

_BUFFER = 1 << 20
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class Download:
    """One connection and what is still to come."""

    def __init__(self, port: int, path: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        self.socket.sendall(request.encode())
        self._head = b""
        self._left = -1

    def read(self, buffer: bytearray) -> bool:
        """Take what is there; say whether that was all."""
        number = self.socket.recv_into(buffer)
        if not number:
            raise SystemExit(f"the connection ended with {self._left} bytes to come")
        if self._left >= 0:
            self._left -= number
            return not self._left
        self._head += bytes(buffer[:number])
        head, ended, body = self._head.partition(b"\r\n\r\n")
        if not ended:
            return False
        length = _LENGTH.search(head + b"\r\n")
        if b" 200 " not in head.split(b"\r\n")[0] or length is None:
            raise SystemExit(head.decode(errors="replace"))
        self._left = int(length[1]) - len(body)
        return not self._left


def fetch(port: int, paths: Sequence[str]) -> float:
    """Fetch all of them beside each other; return the seconds it took."""
    buffer = bytearray(_BUFFER)
    began = time.perf_counter()
    with selectors.DefaultSelector() as waiting:
        for path in paths:
            one = Download(port, path)
            waiting.register(one.socket, selectors.EVENT_READ, one)
        while waiting.get_map():
            for key, _events in waiting.select():
                if key.data.read(buffer):
                    waiting.unregister(key.fileobj)
                    key.data.socket.close()
    return time.perf_counter() - began


if __name__ == "__main__":
    print(fetch(int(sys.argv[1]), sys.argv[2:]))
