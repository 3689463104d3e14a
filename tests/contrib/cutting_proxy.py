"""A TCP proxy that cuts a connection at a byte of its own choice."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.servers import free_port

__all__ = ["CuttingProxy"]


class CuttingProxy:
    """Between clients and ``port`` of this machine, while it is `running`.

    ``cut_request_after``, ``cut_reply_after``: the connection is cut when so many more bytes have
    passed that way, counted over all connections; None: never. A cut clears both.
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self.port = free_port()
        self.cut_request_after: int | None = None
        self.cut_reply_after: int | None = None
        self.cuts = 0
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Until the end of the block."""
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            thread.start()
            try:
                yield
            finally:
                with suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                thread.join()
                for each in self._sockets:
                    _end(each)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                return
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets += [client, server]
            for source, target, is_request in ((client, server, True), (server, client, False)):
                threading.Thread(
                    target=self._pump, args=(source, target, is_request), daemon=True
                ).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_request: bool) -> None:
        while True:
            try:
                data = source.recv(65536)
                passed = self._passed(data, is_request)
                target.sendall(data[:passed])
            except OSError:
                passed, data = 0, b""
            if not data or passed < len(data):
                _end(source)
                _end(target)
                return

    def _passed(self, data: bytes, is_request: bool) -> int:
        """How much of ``data`` goes through."""
        with self._lock:
            left = self.cut_request_after if is_request else self.cut_reply_after
            if left is None:
                return len(data)
            if len(data) > left:
                self.cut_request_after = self.cut_reply_after = None
                self.cuts += 1
                return left
            if is_request:
                self.cut_request_after = left - len(data)
            else:
                self.cut_reply_after = left - len(data)
            return len(data)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
