"""``longtake serve`` in a process of its own, which may be killed, and a client for it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import httpx
from attrs import frozen

from tests.contrib.serve.http.server import WAIT

__all__ = ["SAMPLING", "Process", "running"]

SAMPLING = {"height": 128, "width": 192, "num_frames": 97, "seed": 3}


@frozen
class Process:
    client: httpx.Client
    process: subprocess.Popen[str]

    def extend(self, take: str, prompt: str, sampling: dict[str, Any] = SAMPLING) -> None:
        asked = {"prompt": prompt, "sampling": sampling}
        answer = self.client.post(f"/v1/sessions/{take}/segments", json=asked)
        assert answer.status_code == 202, answer.text

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def digests(self, take: str) -> list[str]:
        found = self.get(f"/v1/sessions/{take}/segments")["data"]
        return [each["state_digest"] for each in found]


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Process]:
    """A server of its own process; killed in the end unless it has ended."""
    command = [sys.executable, "-m", "longtake", "serve", "--port", "0", "--folder", str(folder)]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = _address(process.stdout)
        assert address, f"the server ended with {process.wait()}"
        with httpx.Client(base_url=address, timeout=WAIT) as client:
            yield Process(client, process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]


def _address(said: IO[str]) -> str:
    """What the server says of itself; Ray may have it say other things before, and behind."""
    for line in said:
        if line.startswith("Takes are served at "):
            threading.Thread(target=_forget, args=(said,), daemon=True).start()
            return line.rpartition(" ")[2].strip()
    return ""


def _forget(said: IO[str]) -> None:
    """Read it, so that nobody waits to write."""
    with suppress(ValueError):  # it is closed meanwhile
        for _ in said:
            pass
