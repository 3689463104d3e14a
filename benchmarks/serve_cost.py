"""What a server computes itself for each segment, as a share of one core, and its first picture.

``python benchmarks/serve_cost.py``; ``--segments N`` for more or fewer than 10 of each part,
``--audio-codec aac`` for sound that is not lossless. A server of pendulums rolls a take in real
time: one default segment, 2 s, every 2 s. Counted is what its process computes, user and system,
also while it waits, but for the family's own stages, also those that make the end which each
segment is kept with: with nobody there, with a reader of the take's events, and with a player as
well, which looks at the list every half target duration and fetches what is new; it has fetched
what was there before. What encoding costs is said apart. Beside it stands how long after a new
take's first segment was made its first picture is with who asked for it before.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx
import uvicorn
from attrs import define, field, frozen

import longtake as lt
from longtake.media.encoder import TakeEncoder
from longtake_serve.app import build_app, serving
from longtake_serve.media.sink import StreamMedia

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Part, Told, at_most, lone, spread

PART = Part("serve-cost", "Serving", "one core, in real time")

SECONDS = 2.0
"""Of each segment."""
GOAL = 0.05
"""Of one core."""
SOONEST = 0.3
"""Seconds after which the first picture is to be there."""
TAKES = 5
"""Whose first picture is waited for."""
Codec = Literal["aac", "flac"]
ENCODING = ("pictures", "sound")
PARTS = (*ENCODING, "media", "commit", "book", "answers")
"""``media``: what is left of keeping a segment's, as muxing and storing."""


@define
class Meter:
    """Seconds that the server's process has computed, by what for. ``made``: when, in order."""

    family: float = 0.0
    pictures: float = 0.0
    sound: float = 0.0
    media: float = 0.0
    of_worker: float = 0.0
    made: list[float] = field(factory=list)
    _counted: list[tuple[threading.Thread, float]] = field(factory=list)

    def watch(self, pipeline: lt.Pipeline) -> None:
        """Count what the pipeline computes, but for what it has its follower do."""
        generate = pipeline.generate

        def generated(*arguments: Any, follow: Any, **options: Any) -> lt.GenerationResult:
            told = 0.0

            def timed(event: lt.Event) -> None:
                nonlocal told
                began = time.thread_time()
                follow(event)
                told += time.thread_time() - began

            try:
                with self.working(), self.counting("family"):
                    result = generate(*arguments, follow=timed, **options)
            finally:
                self.family -= told
                self.of_worker -= told
            self.made.append(time.monotonic())
            return result

        pipeline.generate = generated  # type: ignore[assignment, method-assign]
        finish = pipeline.finish

        def finished(*arguments: Any, **options: Any) -> lt.GenerationResult:
            # In the thread of segments, for which the one that keeps waits.
            with self.working(), self.counting("family"):
                return finish(*arguments, **options)

        pipeline.finish = finished  # type: ignore[method-assign]

    def watch_media(self) -> None:
        """Count what it computes to keep a segment's media, also in the encoder's threads."""
        keep, encode, run = StreamMedia.keep, TakeEncoder._encode_video, TakeEncoder.run

        def kept(*arguments: Any) -> Sequence[str]:
            with self.working(), self.counting("media"):
                return keep(*arguments)

        def pictures(*arguments: Any) -> Iterator[Any]:
            with self.counting("pictures"):
                return iter([*encode(*arguments)])

        def sound(*arguments: Any) -> Iterator[Any]:
            own = time.thread_time()  # alone: pictures are encoded beside it, in other threads
            try:
                return iter([*run(*arguments)])
            finally:
                self._add("sound", time.thread_time() - own)

        StreamMedia.keep = kept  # type: ignore[assignment, method-assign]
        TakeEncoder._encode_video = pictures  # type: ignore[assignment, method-assign]
        TakeEncoder.run = sound  # type: ignore[assignment, method-assign]

    @contextmanager
    def working(self) -> Iterator[None]:
        """What the block computes in its own thread, one of the worker's, is no commit."""
        own = time.thread_time()
        try:
            yield
        finally:
            self.of_worker += time.thread_time() - own

    @contextmanager
    def counting(self, part: str) -> Iterator[None]:
        """What the block computes is of ``part``, but for what is counted in it meanwhile."""
        clock, own, already = Clock(), time.thread_time(), len(self._counted)
        try:
            yield
        finally:
            spent = time.thread_time() - own + clock.new_threads()
            inner = [each for thread, each in self._counted[already:] if clock.counts(thread)]
            self._add(part, spent - sum(inner))

    def _add(self, part: str, seconds: float) -> None:
        setattr(self, part, getattr(self, part) + seconds)
        self._counted.append((threading.current_thread(), seconds))

    def report(self) -> dict[str, Any]:
        """Seconds of each part so far; ``answers`` are what is left, and ``made``."""
        threads = threading.enumerate()
        worker = computed([each for each in threads if is_of_worker(each)])
        parts = {
            "pictures": self.pictures,
            "sound": self.sound,
            "media": self.media,
            "commit": worker - self.of_worker,
            "book": computed([each for each in threads if each.name == "longtake-serve"]),
        }
        rest = time.process_time() - self.family - sum(parts.values())
        return {**parts, "answers": rest, "made": self.made}


def is_of_worker(thread: threading.Thread) -> bool:
    """Whether it is the only worker's own, or that in which its segments are computed."""
    return thread.name.endswith("/0") or thread.name == "longtake-making"


class Clock:
    """What threads compute that were not there before, be they Python's or not."""

    def __init__(self) -> None:
        self._threads = {each: computed([each]) for each in threading.enumerate()}
        self._process = time.process_time()

    def counts(self, thread: threading.Thread) -> bool:
        """Whether it is new, or the one that asks."""
        return thread not in self._threads or thread is threading.current_thread()

    def new_threads(self) -> float:
        """Seconds so far."""
        rest = time.process_time() - self._process
        before = {each: then for each, then in self._threads.items() if each.is_alive()}
        return rest - computed([*before]) + sum(before.values())


def computed(threads: Sequence[threading.Thread]) -> float:
    """Seconds, of threads that are alive."""
    clocks = [time.pthread_getcpuclockid(each.ident) for each in threads if each.ident is not None]
    return sum(map(time.clock_gettime, clocks))


def serve(folder: Path, codec: Codec) -> None:
    """Serve; say the port, and to each line of the input what was computed so far."""
    meter = Meter()
    meter.watch_media()
    with ExitStack() as stack:
        pipeline = stack.enter_context(lt.load(family="pendulum"))
        meter.watch(pipeline)
        sessions = lt.open_session_store(f"sqlite:///{folder / 'takes.db'}")
        blobs = lt.open_blob_store(f"file://{folder / 'blobs'}")
        opened = stack.enter_context(
            serving([pipeline], sessions=sessions, blobs=blobs, audio_codec=codec)
        )
        config = uvicorn.Config(
            build_app(opened), port=0, log_level="warning", access_log=False, proxy_headers=False
        )
        server = uvicorn.Server(config)
        threading.Thread(target=answer, args=(server, meter), daemon=True).start()
        server.run()


def answer(server: uvicorn.Server, meter: Meter) -> None:
    while not server.started:
        time.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    for _ in sys.stdin:
        print(json.dumps(meter.report()), flush=True)
    server.should_exit = True


@frozen
class Client:
    """``http``: of the server, which is ``process``."""

    http: httpx.Client
    process: subprocess.Popen[str]

    def report(self) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def create(self) -> str:
        take: str = self.http.post("/v1/sessions", json={}).raise_for_status().json()["id"]
        return f"/v1/sessions/{take}"

    def extend(self, take: str) -> None:
        self.http.post(f"{take}/segments", json={"prompt": "swing"}).raise_for_status()

    def settle(self, take: str) -> None:
        while self.http.get(take).json()["open_work"]:
            time.sleep(0.2)

    def roll(self, take: str, segments: int) -> dict[str, float]:
        """Seconds of each part for each of so many segments in real time."""
        before, start = self.report(), time.monotonic()
        made = len(before["made"]) + segments
        for number in range(segments):
            self.extend(take)
            time.sleep(max(0.0, start + (number + 1) * SECONDS - time.monotonic()))
        while len(self.report()["made"]) < made:  # costs less than asking over HTTP
            time.sleep(0.2)
        self.settle(take)
        after = self.report()
        return {part: (after[part] - before[part]) / segments for part in PARTS}


@contextmanager
def running(codec: Codec) -> Iterator[Client]:
    """A server that has rolled before."""
    with tempfile.TemporaryDirectory(prefix="longtake-bench-") as folder:
        command = [sys.executable, __file__, "--server", folder, "--audio-codec", codec]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None and process.stdout is not None
        with process, httpx.Client(timeout=60) as http:
            http.base_url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            client = Client(http, process)
            take = client.create()
            client.extend(take)
            client.settle(take)
            yield client
            process.stdin.close()


@contextmanager
def beside(use: Callable[[httpx.Client, threading.Event], None], client: Client) -> Iterator[None]:
    """``use`` in a thread, with a client of its own, until the block is over."""
    over = threading.Event()

    def run() -> None:
        with httpx.Client(base_url=client.http.base_url, timeout=10) as http:
            use(http, over)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def read_events(take: str) -> Callable[[httpx.Client, threading.Event], None]:
    def use(http: httpx.Client, over: threading.Event) -> None:
        with http.stream("GET", f"{take}/events") as told:
            for _ in told.iter_lines():
                if over.is_set():  # with the next event
                    return

    return use


def play(take: str, has_begun: threading.Event) -> Callable[[httpx.Client, threading.Event], None]:
    """``has_begun``: is set once what was there before is fetched, and the player goes with it."""

    def use(http: httpx.Client, over: threading.Event) -> None:
        seen: set[str] = set()
        while True:
            listed = http.get(f"{take}/stream.m3u8").text
            names = {each for each in listed.splitlines() if each.endswith(".m4s")}
            for name in sorted(names - seen):
                http.get(f"{take}/{name}").raise_for_status()
            seen |= names
            has_begun.set()
            if over.wait(SECONDS / 2):
                return

    return use


def first_picture(client: Client) -> float:
    """Seconds from a new take's first segment to its first picture, with who waits for it."""
    take, found = client.create(), threading.Event()
    there: list[float] = []

    def use(http: httpx.Client, over: threading.Event) -> None:
        while (listed := http.get(f"{take}/stream.m3u8")).status_code == 503:
            continue  # a machine that is too busy to make it in 8 s
        lines = listed.raise_for_status().text.splitlines()
        (begin,) = (line.split('"')[1] for line in lines if line.startswith("#EXT-X-MAP"))
        (name,) = (line for line in lines if line.endswith(".m4s"))
        for each in (begin, name):
            http.get(f"{take}/{each}").raise_for_status()
        there.append(time.monotonic())
        found.set()

    with beside(use, client):
        client.extend(take)
        found.wait(60)
    made: float = client.report()["made"][-1]
    client.settle(take)
    return there[0] - made


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--segments", type=int, default=10)
    parser.add_argument("--audio-codec", choices=("aac", "flac"), default="flac")
    parser.add_argument("--server", type=Path, metavar="FOLDER", help="be the server, there")
    arguments = parser.parse_args()
    if arguments.server is not None:
        return serve(arguments.server, arguments.audio_codec)
    PART.tell(figures(arguments.segments, arguments.audio_codec), arguments.json)
    return None


def figures(segments: int, codec: Codec) -> Iterator[Told]:
    """What a segment costs with each audience, by what for, and the first picture's wait."""
    with running(codec) as client:
        waits = [1000 * first_picture(client) for _ in range(TAKES)]
        take = client.create()
        client.extend(take)
        client.settle(take)
        yield from costs("nobody there", client.roll(take, segments))
        with beside(read_events(take), client):
            yield from costs("events read", client.roll(take, segments))
            has_begun = threading.Event()
            with beside(play(take, has_begun), client):
                has_begun.wait(60)
                yield from costs("events read and played", client.roll(take, segments))
            client.extend(take)  # the reader hears of its end
    compared = "from the first segment, made, to its first picture with who waits for it"
    yield spread("first picture", compared, waits, "ms", at_most(1000 * SOONEST))


def costs(name: str, seconds: dict[str, float]) -> Iterator[Told]:
    """The whole share, and a remark of its parts."""
    share = 100 * sum(seconds.values()) / SECONDS
    compared = f"CPU time for each segment of {SECONDS:g} s without the family's stages"
    yield lone(name, compared, share, "% of a core", at_most(100 * GOAL))
    rest = share - 100 * sum(seconds[part] for part in ENCODING) / SECONDS
    parts = ", ".join(f"{part} {1000 * seconds[part]:.1f} ms" for part in PARTS)
    yield f"{name}, of each segment: {parts}; {rest:.1f} % of a core without encoding"


if __name__ == "__main__":
    main()
