"""``python -m longtake.doctor.child``: loads and tries one plugin, and says how it went.

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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from attrs import asdict, frozen

from longtake.blobs.urls import masked_url
from longtake.doctor.heavy import heavy_modules
from longtake.doctor.stores import Backend, kind_of, try_store
from longtake.doctor.targets import Target, named_by, try_target
from longtake.doctor.values import LoadReport, Message, Problem, StoreKind, StoreTrial
from longtake.plugins.installed import Installed
from longtake.plugins.loading import Phase, Plugin, load_plugin

__all__: list[str] = []


@frozen
class _Channel:
    """Where the answers go. After ``timeout`` seconds without one, standard error says why.

    Later the process ends, for then nobody is left who would have ended it. ``faults``: what
    standard error was when the process began.
    """

    stream: IO[bytes]
    timeout: float
    faults: int

    def send(self, message: Message) -> None:
        faulthandler.dump_traceback_later(self.timeout, file=self.faults)
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, 2 * self.timeout + 2)
        self.stream.write(json.dumps(asdict(message)).encode() + b"\n")
        self.stream.flush()


def main() -> None:
    """Answer the request on standard input."""
    answers = os.fdopen(os.dup(1), "wb")
    faults = os.dup(2)
    os.dup2(2, 1)
    request: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)  # a plugin that asks a question gets no answer
    sys.path[:] = request["path"]
    faulthandler.enable(file=faults)
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, whatever it does
    channel = _Channel(answers, request["timeout"], faults)
    plugin = _load(Installed(**request["plugin"]), channel)
    if plugin.status == "loaded":
        if request["url"] is None:
            with _silenced():
                _try_uses(plugin, channel)
        _try_stores(_urls(plugin, request["url"], request["keeps"]), request["url"], channel)
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
    return LoadReport(
        status="loaded" if plugin.status == "loaded" else "failed",
        phase=plugin.phase,
        reason=plugin.error,
        api=plugin.api,
        provides=plugin.provides,
        families=tuple(family.name for family in plugin.families),
        kinds=tuple(codec.kind for family in plugin.families for codec in family.codecs),
        commands=tuple(command.name for command in plugin.commands),
        schemes=tuple(backend.scheme.lower() for backend in plugin.blob_backends),
        session_schemes=tuple(backend.scheme.lower() for backend in plugin.session_backends),
        authenticator_schemes=tuple(each.scheme.lower() for each in plugin.authenticators),
        dispatcher_schemes=tuple(each.scheme.lower() for each in plugin.dispatcher_backends),
        examples=tuple(
            StoreTrial(each.scheme, masked_url(url), "not tried", None, kind_of(each))
            for each, url in _urls(plugin, None, "blobs")
        ),
        import_ms=import_ms[0] if import_ms else None,
        heavy=heavy_modules(),
    )


@contextmanager
def _silenced() -> Iterator[None]:
    """What libraries print when they are imported to be used is no word of the plugin."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nothing:
        for stream in (1, 2):
            os.dup2(nothing.fileno(), stream)
    try:
        yield
    finally:
        for stream in (1, 2):
            os.dup2(kept, stream)
        os.close(kept)


def _try_uses(plugin: Plugin, channel: _Channel) -> None:
    """Import all that the plugin names, and wire its recipes, as using it would."""
    tried: dict[str, Problem | None] = {}

    def are_there(targets: Iterable[Target]) -> bool:
        sound = True
        for target in targets:
            if target.name not in tried:
                channel.send(Message(entering="targets", at=str(target)))
                problem = tried[target.name] = try_target(target)
                if problem is not None:
                    channel.send(Message(problem=problem))
            sound = sound and tried[target.name] is None
        return sound

    def entering(where: str) -> None:
        channel.send(Message(entering="wiring", at=where))

    are_there(named_by(plugin))
    if plugin.families:
        from longtake.doctor.recipes import check_family  # late: stores do without

        for family in plugin.families:
            for problem in check_family(family, entering, are_there):
                channel.send(Message(problem=problem))
    if plugin.extensions:
        from longtake.doctor.extensions import check_extensions  # late, likewise

        for problem in check_extensions(plugin, entering, are_there):
            channel.send(Message(problem=problem))


def _try_stores(urls: list[tuple[Backend, str]], url: str | None, channel: _Channel) -> None:
    for backend, tried in urls:
        channel.send(Message(trying=masked_url(tried)))
        channel.send(Message(tried=try_store(backend, tried, write=url is not None)))


def _urls(plugin: Plugin, url: str | None, keeps: StoreKind) -> list[tuple[Backend, str]]:
    """The user's URL alone, or the examples."""
    backends: list[Backend] = [*plugin.blob_backends, *plugin.session_backends]
    if url is None:
        return [(each, each.example) for each in backends if each.example]
    scheme = url.partition(":")[0].lower()
    of_kind = [each for each in backends if kind_of(each) == keeps]
    return [(each, url) for each in of_kind if each.scheme.lower() == scheme]


if __name__ == "__main__":
    main()
