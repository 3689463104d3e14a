"""``python -m longtake.doctor.child``: loads one plugin, tries its stores, and says how it went.

The request is one line of JSON on standard input. The answer is JSON, a `Message` a line, on what
was standard output when the process began: before any code of the plugin runs, that is moved out
of the way of what the plugin prints, which goes to standard error.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import IO, Any

from attrs import asdict, frozen

from longtake.blobs.protocol import BlobBackend
from longtake.blobs.urls import masked_url
from longtake.doctor.heavy import heavy_modules
from longtake.doctor.stores import try_store
from longtake.doctor.values import LoadReport, Message
from longtake.plugins.installed import Installed
from longtake.plugins.loading import Phase, Plugin, load_plugin

__all__: list[str] = []


@frozen
class _Channel:
    """Where the answers go. After ``timeout`` seconds without one, standard error says why.

    Later the process ends, for then nobody is left who would have ended it.
    """

    stream: IO[bytes]
    timeout: float

    def send(self, message: Message) -> None:
        faulthandler.dump_traceback_later(self.timeout)
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, 2 * self.timeout + 2)
        self.stream.write(json.dumps(asdict(message)).encode() + b"\n")
        self.stream.flush()


def main() -> None:
    """Answer the request on standard input."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)  # a plugin that asks a question gets no answer
    sys.path[:] = request["path"]
    faulthandler.enable()
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, whatever it does
    channel = _Channel(answers, request["timeout"])
    plugin = _load(Installed(**request["plugin"]), channel)
    if plugin.status == "loaded":
        _try_stores(plugin, request["url"], channel)
    channel.send(Message(done=True))
    os._exit(0)  # what the plugin would do at exit is not of interest, and might hang


def _load(found: Installed, channel: _Channel) -> Plugin:
    import_ms: list[float] = []

    def entering(phase: Phase) -> None:
        channel.send(Message(entering=phase))

    plugin = load_plugin(
        found.name,
        found.distribution,
        found.version,
        _timed(found.load, import_ms),
        entering=entering,
    )
    channel.send(Message(report=_report(plugin, import_ms)))
    return plugin


def _timed(load: Callable[[], object], milliseconds: list[float]) -> Callable[[], object]:
    def timed() -> object:
        start = time.perf_counter()
        try:
            return load()
        finally:
            milliseconds.append((time.perf_counter() - start) * 1000)

    return timed


def _report(plugin: Plugin, import_ms: list[float]) -> LoadReport:
    backends = plugin.blob_backends
    return LoadReport(
        status="loaded" if plugin.status == "loaded" else "failed",
        phase=plugin.phase,
        reason=plugin.error,
        api=plugin.api,
        provides=plugin.provides,
        families=tuple(family.name for family in plugin.families),
        kinds=tuple(codec.kind for family in plugin.families for codec in family.codecs),
        schemes=tuple(backend.scheme.lower() for backend in backends),
        examples=tuple((b.scheme, masked_url(b.example)) for b in backends if b.example),
        import_ms=import_ms[0] if import_ms else None,
        heavy=heavy_modules(),
    )


def _try_stores(plugin: Plugin, url: str | None, channel: _Channel) -> None:
    for backend, tried in _urls(plugin, url):
        channel.send(Message(trying=masked_url(tried)))
        channel.send(Message(tried=try_store(backend, tried, write=url is not None)))


def _urls(plugin: Plugin, url: str | None) -> list[tuple[BlobBackend, str]]:
    """The user's URL alone, or the examples."""
    if url is None:
        return [(each, each.example) for each in plugin.blob_backends if each.example]
    scheme = url.partition(":")[0].lower()
    return [(each, url) for each in plugin.blob_backends if each.scheme.lower() == scheme]


if __name__ == "__main__":
    main()
