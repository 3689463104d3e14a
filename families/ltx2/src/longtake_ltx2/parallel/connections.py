"""A connection between rank 0 and another rank: one JSON document per line, over TCP.

The system closes it when either process ends, however it ends, so whoever listens knows at once;
and a rank that waits for its next command waits here, where no exchange of tensors times out.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ["Connection", "Message"]

Message = dict[str, Any]

_MAX_BYTES = 1 << 22
_SECONDS_TO_PROBE = 5
_PROBES = 3


class Connection:
    """One end. ``heard``: called with every message, and with None when the other end is gone.

    It is called from a thread of the connection's own, which `listen` starts.
    """

    def __init__(self, endpoint: socket.socket) -> None:
        self._socket = endpoint
        self._reader = endpoint.makefile("rb")
        self._sending = threading.Lock()
        self._listens = False
        _probe_when_silent(endpoint)

    def send(self, message: Message) -> None:
        """Raises `OSError` when the other end is gone."""
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._sending:
            self._socket.sendall(data)

    def receive(self) -> Message | None:
        """The next message; None when the other end is gone or talks nonsense."""
        try:
            data = self._reader.readline(_MAX_BYTES)
            message = json.loads(data) if data.endswith(b"\n") else None
        except (OSError, ValueError):
            return None
        return message if isinstance(message, dict) else None

    def listen(self, heard: Callable[[Message | None], None]) -> None:
        """Call ``heard`` from now on, until it was told that the other end is gone."""

        def run() -> None:
            while (message := self.receive()) is not None:
                heard(message)
            self._close()
            heard(None)

        self._listens = True
        threading.Thread(target=run, name="longtake-connection", daemon=True).start()

    def hang_up(self) -> None:
        """Both ends then hear that the other is gone."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if not self._listens:  # else the thread that reads closes it: nobody may close it before
            self._close()

    def _close(self) -> None:
        self._reader.close()
        self._socket.close()


def _probe_when_silent(endpoint: socket.socket) -> None:
    """A machine that loses power closes nothing: ask it now and then."""
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, value in [
        ("TCP_KEEPIDLE", _SECONDS_TO_PROBE),
        ("TCP_KEEPINTVL", _SECONDS_TO_PROBE),
        ("TCP_KEEPCNT", _PROBES),
    ]:
        if hasattr(socket, option):  # not every system has them
            endpoint.setsockopt(socket.IPPROTO_TCP, vars(socket)[option], value)
