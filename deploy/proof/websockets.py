"""A WebSocket client of a few lines, on sockets: what RFC 6455 asks of one, no more."""

import base64
import os
import socket
import struct
import time


class Closed(Exception):
    """The other side closed: code and reason."""


class WebSocket:
    """A connection; `says` sends a text, `hear` waits for one."""

    def __init__(self, port, path, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        self.socket.sendall(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        self.bytes = b""
        while b"\r\n\r\n" not in self.bytes:
            self._more()
        answer, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        if b" 101 " not in answer.split(b"\r\n")[0]:
            raise OSError(answer.decode())

    def _more(self):
        more = self.socket.recv(1 << 16)
        if not more:
            raise Closed(1006, "the connection ended")
        self.bytes += more

    def _take(self, count):
        while len(self.bytes) < count:
            self._more()
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def _send(self, opcode, data):
        size = len(data)
        length = bytes([0x80 | size]) if size < 126 else struct.pack("!BH", 0x80 | 126, size) if size < 1 << 16 \
            else struct.pack("!BQ", 0x80 | 127, size)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
        self.socket.sendall(bytes([0x80 | opcode]) + length + mask + masked)

    def says(self, text):
        self._send(1, text.encode())

    def hear(self, seconds=30):
        """The next text; None when none comes in time."""
        end, whole = time.monotonic() + seconds, b""
        while True:
            self.socket.settimeout(max(end - time.monotonic(), 0.001))
            before = self.bytes
            try:
                first, second = self._take(2)
                size = second & 0x7F
                size = size if size < 126 else int.from_bytes(self._take(2 if size == 126 else 8), "big")
                data = self._take(size)
            except TimeoutError:
                # What came of a frame stays.
                self.bytes = before + self.bytes if not self.bytes.startswith(before) else self.bytes
                return None
            opcode = first & 0x0F
            if opcode == 8:
                raise Closed(int.from_bytes(data[:2], "big"), data[2:].decode())
            if opcode == 9:
                self._send(10, data)
            elif opcode in (0, 1, 2):
                whole += data
                if first & 0x80:
                    return whole.decode()

    def close(self):
        self.socket.close()
