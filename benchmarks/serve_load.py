"""How a server bears load: sessions that are active beside some that only listen.

``python benchmarks/serve_load.py --active 50 --idle 200 --segments 2`` starts ``longtake serve`` on
pendulums, has each active session roll so many segments, one after the other, and prints seconds of
waiting for a worker, until the first segment could be played and of each segment, how late events
come, and the server's memory. ``--out FOLDER`` gets load.json and load.svg.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
from attrs import define, field

QUANTILES = (50, 95, 99)
MIB = 2**20


@define
class Measured:
    """Seconds of every piece of work, and of events; ``memory``: bytes, at its highest."""

    queueing: list[float] = field(factory=list)
    first: list[float] = field(factory=list)
    segment: list[float] = field(factory=list)
    event_lag: list[float] = field(factory=list)
    memory: int = 0
    seconds: float = 0.0


@contextmanager
def serving(folder: Path, workers: int, sessions: int) -> Iterator[tuple[str, psutil.Process]]:
    """The address of a server of its own process, and the process."""
    command = [sys.executable, "-m", "longtake", "serve", "--port", "0", "--folder", str(folder)]
    command += ["--device", "cpu"] * workers + ["--limit-sessions", str(sessions + 10)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().rpartition(" ")[2].strip(), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


async def create(client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/sessions", json={})
    answer.raise_for_status()
    take: str = answer.json()["id"]
    return take


async def events(client: httpx.AsyncClient, take: str) -> Any:
    """Type and arrival of each event of a take."""
    async with client.stream("GET", f"/v1/sessions/{take}/events") as answer:
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                yield line.removeprefix("event: "), time.monotonic()


async def idle(client: httpx.AsyncClient, ready: asyncio.Semaphore) -> None:
    """A take that nobody extends, and a client that listens to it."""
    take = await create(client)
    ready.release()
    async for _ in events(client, take):
        pass


async def active(
    client: httpx.AsyncClient, sampling: dict[str, Any], segments: int, measured: Measured
) -> None:
    """A take whose segments are asked for one after the other."""
    take = await create(client)
    url, told = f"/v1/sessions/{take}", events(client, take)
    for number in range(segments):
        asked = {"prompt": "a slow swing", "sampling": sampling}
        begin = started = time.monotonic()
        (await client.post(f"{url}/segments", json=asked)).raise_for_status()
        async for kind, at in told:
            if kind == "failed":
                raise RuntimeError((await client.get(f"{url}/work")).text)
            if kind == "started":
                started = at
            if kind == "segment":
                break
        measured.queueing.append(started - begin)
        measured.segment.append(at - started)
        if number == 0:
            (await client.get(f"{url}/stream.m3u8")).raise_for_status()
            measured.first.append(time.monotonic() - begin)
    asked_at = time.monotonic()
    (await client.post(f"{url}/finish")).raise_for_status()
    async for kind, at in told:
        if kind == "finished":
            measured.event_lag.append(at - asked_at)
            break


async def watch(process: psutil.Process, measured: Measured) -> None:
    while True:
        measured.memory = max(measured.memory, process.memory_info().rss)
        await asyncio.sleep(0.2)


async def driven(address: str, process: psutil.Process, asked: argparse.Namespace) -> Measured:
    """What was measured of all sessions together."""
    measured, ready = Measured(), asyncio.Semaphore(0)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    sampling = {"height": asked.height, "width": asked.width, "num_frames": asked.frames}
    async with httpx.AsyncClient(base_url=address, timeout=None, limits=limits) as client:
        tasks = [asyncio.create_task(watch(process, measured))]
        tasks += [asyncio.create_task(idle(client, ready)) for _ in range(asked.idle)]
        for _ in range(asked.idle):
            await ready.acquire()
        begin = time.monotonic()
        await asyncio.gather(
            *(active(client, sampling, asked.segments, measured) for _ in range(asked.active))
        )
        measured.seconds = time.monotonic() - begin
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return measured


def quantiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {f"p{q}": ordered[min(len(ordered) - 1, len(ordered) * q // 100)] for q in QUANTILES}


def document_of(measured: Measured, asked: argparse.Namespace) -> dict[str, Any]:
    count = len(measured.segment)
    return {
        "active": asked.active,
        "idle": asked.idle,
        "workers": asked.workers,
        "segments": count,
        "segments_per_second": count / measured.seconds,
        "seconds": measured.seconds,
        "memory_mib": measured.memory / MIB,
        "queueing": quantiles(measured.queueing),
        "first_segment_fetchable": quantiles(measured.first),
        "segment": quantiles(measured.segment),
        "event_lag": quantiles(measured.event_lag),
    }


def show(document: dict[str, Any]) -> None:
    print(
        f"{document['active']} active sessions, {document['idle']} idle ones, "
        f"{document['workers']} workers: {document['segments']} segments in "
        f"{document['seconds']:.1f} s, {document['segments_per_second']:.2f} a second, "
        f"at most {document['memory_mib']:.0f} MiB"
    )
    print(f"{'seconds':<24}" + "".join(f"{f'p{q}':>9}" for q in QUANTILES))
    for name, found in document.items():
        if isinstance(found, dict):
            print(f"{name:<24}" + "".join(f"{found[f'p{q}']:9.3f}" for q in QUANTILES))


def chart(measured: Measured, path: Path) -> None:
    """The share of work that took at most so long."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4))
    axes = figure.subplots()
    for name in ("queueing", "first", "segment", "event_lag"):
        values = sorted(getattr(measured, name))
        shares = [(n + 1) / len(values) for n in range(len(values))]
        axes.plot(values, shares, drawstyle="steps-post", label=name.replace("_", " "))
    axes.set(xscale="log", xlabel="seconds", ylabel="share", ylim=(0, 1))
    axes.legend()
    figure.savefig(path)


def main() -> None:
    """Start a server, and drive it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    numbers = {"active": 50, "idle": 200, "segments": 2, "workers": 2}
    for name, default in {**numbers, "height": 64, "width": 96, "frames": 33}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    sessions = asked.active + asked.idle
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), asked.workers, sessions) as (address, process),
    ):
        measured = asyncio.run(driven(address, process, asked))
    document = document_of(measured, asked)
    show(document)
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / "load.json").write_text(json.dumps(document, indent=2) + "\n")
        chart(measured, asked.out / "load.svg")


if __name__ == "__main__":
    main()
