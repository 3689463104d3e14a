"""What a further session costs that stays in the process, and what it costs to turn to another one.

    python benchmarks/session_cost.py [--family ltx2] [--sessions 24] [--turns 4] [--pairs 9]

Sessions of one pipeline, each with a prompt of its own, have made a segment and keep their live
state: the process's resident memory says what each further one takes, with whatever is cached for
it. Then a round, one segment of each of ``--turns`` sessions, and as many segments of one session
run in turns. ``--family ltx2`` is the tiny random checkpoint.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

import longtake as lt

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Part, Told, at_most, cost, lone, paired, spread
from benchmarks.long_take_cost import SIZES, opened, resident

PART = Part("sessions", "Further sessions in a process", "the session before alone")

WARM = 4
"""Sessions before those that are counted: caches of the process fill, the allocator settles."""
BUDGET = 1.02
"""Of a segment that turns to another session, by one that stays."""
STATES = "resident memory, from the first sessions to the last, by session"


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--family", choices=sorted(SIZES), default="ltx2")
    parser.add_argument("--sessions", type=int, default=24)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=9)
    asked = parser.parse_args()
    PART.tell(figures(asked.family, asked.sessions, asked.turns, asked.pairs), asked.json)


def figures(family: str, sessions: int, turns: int, pairs: int) -> Iterator[Told]:
    """Bytes of a session, then seconds of a turn."""
    with tempfile.TemporaryDirectory() as scratch, opened(family, Path(scratch)) as pipeline:
        takes = [begun(pipeline, family, number) for number in range(WARM)]
        before = resident_now()
        takes += [begun(pipeline, family, number) for number in range(WARM, WARM + sessions)]
        each = (resident_now() - before) / sessions
        yield lone(f"{family}, a further session", STATES, each / 1e3, "kB")
        document = takes[0].document_bytes
        yield lone(f"{family}, its state as JSON", "for comparison", document / 1e3, "kB")
        yield from turned(family, takes[:turns], pairs)


@frozen(eq=False)
class Take:
    """A session and the prompt that it goes on with. ``document_bytes``: of its first state."""

    session: lt.Session
    prompt: str
    document_bytes: int

    def go_on(self) -> None:
        self.session.extend(self.prompt)


def begun(pipeline: lt.Pipeline, family: str, number: int) -> Take:
    """A session with its first segment made, which is not kept."""
    session, prompt = lt.Session(pipeline, sampling=SIZES[family]), f"swing number {number}"
    made = session.extend(prompt)
    assert made.state is not None
    return Take(session, prompt, len(made.state.to_json()))


def turned(family: str, takes: list[Take], pairs: int) -> Iterator[Told]:
    """A round of all sessions beside as many segments of the first."""

    def round_of_all() -> None:
        for take in takes:
            take.go_on()

    def one_alone() -> None:
        for _ in takes:
            takes[0].go_on()

    compared = f"a round of {len(takes)} sessions / {len(takes)} segments of one"
    for what, clock in (("wall time", time.perf_counter), ("CPU time", time.process_time)):
        found = paired(round_of_all, one_alone, pairs=pairs, clock=clock)
        yield cost(f"{family}, turning, {what}", f"{what}, {compared}", found, at_most(BUDGET))
    more = [1e3 * (ours - other) / len(takes) for ours, other in found.times]
    yield spread(f"{family}, a turn", "CPU time that a segment of another session adds", more, "ms")


def resident_now() -> int:
    """Bytes, once what nobody holds is gone."""
    gc.collect()
    return resident()


if __name__ == "__main__":
    main()
