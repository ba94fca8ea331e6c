"""The last of what a console printed: bounded, whatever a guest does."""

import threading
from collections import deque

MOST_BYTES = 256 * 1024


class Ring:
    """Keeps the end of a stream of bytes, exactly as they came."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.printed_bytes = 0
        self._most = most_bytes
        self._chunks: deque[bytes] = deque()
        self._kept = 0
        self._lock = threading.Lock()

    def add(self, data: bytes) -> None:
        """Keep what was printed, and forget as much of the oldest as doesn't fit any more."""
        with self._lock:
            self.printed_bytes += len(data)
            self._chunks.append(data[-self._most :])
            self._kept += len(self._chunks[-1])
            while self._kept > self._most:
                over = self._kept - self._most
                first = self._chunks.popleft()
                self._kept -= len(first)
                if len(first) > over:
                    self._chunks.appendleft(first[over:])
                    self._kept += len(first) - over

    def clear(self) -> None:
        """Begin anew."""
        with self._lock:
            self.printed_bytes = self._kept = 0
            self._chunks.clear()

    def last(self, lines: int) -> bytes:
        """Return the last lines, the one that isn't ended yet included."""
        with self._lock:
            whole = b"".join(self._chunks)
        if lines <= 0:
            return b""
        # One more where the last line is ended: nothing stands behind its end.
        return b"\n".join(whole.split(b"\n")[-lines - whole.endswith(b"\n") :])
