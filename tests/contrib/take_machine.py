"""Commands, people and kills at random, over two takes and two folders."""

from __future__ import annotations

import re
import shlex
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import longtake as lt
from longtake.states.file import read_state
from tests.contrib.command_server import MISHAP, CommandServer, Ended, Mishap
from tests.contrib.take_ledger import (
    LONGEST,
    OPTIONS,
    SEEDS,
    Held,
    check_held,
    prompts_from,
    truth_of,
)

__all__ = ["TakeMachine"]

NAMES = ("film.mkv", "part.mkv", "film.mp4", "part.mp4")
FOLDERS = ("one", "two")
LATEST = 10
"""Writes to the disk before which something may happen: of a command of three segments, most."""

_DONE = re.compile(r"^segment (\d+)/\d+: ", re.MULTILINE)
_HINT = re.compile(r"(longtake (?:generate|finish) .*)$", re.MULTILINE)
_RESCUED = re.compile(r"all of it is in (.+)$", re.MULTILINE)

numbers = st.integers(0, len(SEEDS) - 1)
paths = st.builds(Path, st.sampled_from(FOLDERS), st.sampled_from(NAMES))
counts = st.integers(1, 3)
kinds = st.sampled_from(["", "kill", "interrupt", "delete", "", "kill", "terminate", "replace"])
times = st.integers(1, LATEST)
picks = st.integers(0, 2**16)


def _is_left(held: Held) -> bool:
    return held.left


def _goes_on(held: Held) -> bool:
    return held.state is not None and not (held.left or held.ended) and held.end < LONGEST


class TakeMachine(RuleBasedStateMachine):
    """Knows which segments were acknowledged in which file, and which files people made.

    A segment is acknowledged when the command says that it is done.
    """

    server: ClassVar[CommandServer]
    counted: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(mkdtemp(prefix="takes-"))
        for name in FOLDERS:
            (self.root / name).mkdir()
        self.held: dict[Path, Held] = {}
        self.of_people: dict[Path, str] = {}
        self.hint: tuple[Path, str] | None = None

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    # What people and commands do.

    @rule(number=numbers, pick=picks, count=counts, keeps=st.booleans(), kind=kinds, at=times)
    def generate(self, number: int, pick: int, count: int, keeps: bool, kind: str, at: int) -> None:
        """A take from its beginning; a person tidies up first where no place is free."""
        self.make_room(pick)
        path = self.place(pick)
        state = self.state_of(path) if keeps else None
        self.roll(number, path, 0, count, state, kind=kind, at=at)

    @precondition(lambda self: self.some(_is_left))
    @rule(pick=picks, kind=kinds, at=times)
    def same_again(self, pick: int, kind: str, at: int) -> None:
        """What was interrupted, typed again with ``--resume``."""
        path, held = self.picked(pick, _is_left)
        argv = [each for each in held.argv if each not in ("--overwrite", "--discard-state")]
        if "--resume" not in argv:
            argv.append("--resume")
        done = self.command("same again", path, held, tuple(argv), kind, at)
        assert done.code != 2 or kind, (argv, done.err)

    @precondition(lambda self: self.hint is not None)
    @rule(kind=kinds, at=times)
    def what_the_hint_says(self, kind: str, at: int) -> None:
        """The line that the last command ended with, pasted."""
        assert self.hint is not None
        path, line = self.hint
        self.hint = None
        held = self.held.get(path)
        if held is None or held.end >= LONGEST:
            return
        prompt = prompts_from(held.number, held.end, 1)[0]
        argv = [prompt if each == "NEXT PROMPT" else each for each in shlex.split(line)[1:]]
        done = self.command("hint", path, held, tuple(argv), kind, at)
        assert done.code != 2 or kind, (line, done.err)

    @precondition(lambda self: self.some(_goes_on))
    @rule(pick=picks, count=counts, kind=kinds, at=times)
    def further_into_the_same_file(self, pick: int, count: int, kind: str, at: int) -> None:
        path, held = self.picked(pick, _goes_on)
        state = str(held.state)
        options = ("--state", state, "--resume")
        done = self.roll(
            held.number, path, held.end, count, held.state, *options, kind=kind, at=at,
            label="further",
        )  # fmt: skip
        assert done.code != 2 or kind, done.err

    @precondition(lambda self: self.some(_goes_on))
    @rule(pick=picks, where=picks, count=counts, kind=kinds, at=times)
    def further_into_another_file(
        self, pick: int, where: int, count: int, kind: str, at: int
    ) -> None:
        path, held = self.picked(pick, _goes_on)
        self.make_room(where, path.suffix, keep=(path,))
        other = self.place(where, path.suffix)
        if path != other:
            options = ("--state", str(held.state))
            self.roll(
                held.number, other, held.end, count, self.state_of(other), *options, kind=kind,
                at=at, label="part",
            )  # fmt: skip

    @precondition(lambda self: self.some(_goes_on))
    @rule(pick=picks, kind=kinds, at=times)
    def finish_into_the_same_file(self, pick: int, kind: str, at: int) -> None:
        path, held = self.picked(pick, _goes_on)
        if pick % 2:
            return
        argv = ("finish", "--family", "pendulum", "--state", str(held.state), "-o", str(path))
        done = self.command("finish", path, held, (*argv, "--resume"), kind, at)
        assert done.code != 2 or kind, done.err

    @precondition(lambda self: self.neighbours())
    @rule(pick=picks, where=picks)
    def join(self, pick: int, where: int) -> None:
        """Two files of which one goes on where the other ends, as one: neither is changed."""
        pairs = self.neighbours()
        parts = pairs[pick % len(pairs)]
        first, last = (self.held[part] for part in parts)
        self.make_room(where, parts[0].suffix, keep=parts)
        path, before = self.place(where, parts[0].suffix), self.contents()
        if path.suffix != parts[0].suffix:
            return
        done = self.server.run(self.root, ("join", *map(str, parts), "-o", str(path)))
        note(f"join {parts} {path} {done}")
        self.count("join", done, "")
        if done.code == 2:
            assert self.contents() == before
            assert any(each in before for each in (path, self.beside(path)))
            return
        assert done.code == 0, done.err
        count = first.count + last.count
        self.held[path] = Held(first.number, first.first, count, None, ended=last.ended)
        check_held(self.root / path, self.held[path])
        assert {each: data for each, data in self.contents().items() if each != path} == before

    @rule(number=numbers, path=paths, count=counts, discards=st.booleans(), pick=picks)
    def overwrite(self, number: int, path: Path, count: int, discards: bool, pick: int) -> None:
        """Asked for, so what is there may go; the state of an unfinished take only if that is."""
        if pick % 4:
            return
        unfinished = self.beside(path).exists() or self.state_of(path).exists()
        options = ("--overwrite", *(["--discard-state"] * discards))
        before = self.contents()
        was, people = self.held.pop(path, None), dict(self.of_people)
        for asked in [path, *([self.beside(path), self.state_of(path)] if discards else [])]:
            self.of_people.pop(asked, None)
        state = self.state_of(path)
        done = self.roll(number, path, 0, count, state, *options, label="overwrite")
        if unfinished and not discards:
            assert done.code == 2, done.err
        if done.code == 2:
            assert self.contents() == before
            if was is not None:
                self.held[path] = was
            self.of_people = people
        else:
            assert done.code == 0, done.err

    @rule(path=paths, what=st.sampled_from(["file", "state"]), pick=picks)
    def a_person_deletes(self, path: Path, what: str, pick: int) -> None:
        if pick % 2:
            return
        held = self.held.get(path)
        if what == "file":
            self.remove(path)
            self.held.pop(path, None)
            self.of_people.pop(path, None)
            self.counted["deleted"] += 1
        elif held is not None and held.state is not None:
            self.remove(held.state)
            held.state, held.left = None, False
            self.counted["state deleted"] += 1

    @rule(path=paths, pick=picks)
    def a_person_writes(self, path: Path, pick: int) -> None:
        where = self.state_of(path) if pick % 3 == 0 else path
        if pick % 4 == 0 and not (self.root / where).exists():
            self.of_people[where] = f"what a person made, {pick}"
            (self.root / where).write_text(self.of_people[where])
            self.counted["written by people"] += 1

    # What must hold whatever they do.

    @invariant()
    def what_people_made_is_there(self) -> None:
        for path, text in self.of_people.items():
            assert (self.root / path).read_text() == text

    # How commands are run, and what of them is checked.

    def roll(
        self,
        number: int,
        path: Path,
        first: int,
        count: int,
        state: Path | None,
        *options: str,
        kind: str = "",
        at: int = 0,
        label: str = "generate",
    ) -> Ended:
        count = min(count, LONGEST - first)
        if not count:
            return Ended(0, "", "")
        prompts = prompts_from(number, first, count)
        keeping = [] if state is None else ["--save-state", str(state)]
        argv = ("generate", *prompts, *OPTIONS, "--seed", str(SEEDS[number]), "-o", str(path))
        held = self.held.get(path)
        if held is None or "--resume" not in options:
            held = Held(number, first, 0, state or self.beside(path))
        return self.command(label, path, held, (*argv, *keeping, *options), kind, at)

    def command(
        self, label: str, path: Path, held: Held, argv: tuple[str, ...], kind: str, at: int
    ) -> Ended:
        """Run it; ``held`` is what the file at ``path`` holds before, or nothing yet."""
        mishap = Mishap(kind=kind, at=at, path=str(path), text="a person's") if kind else None
        before, known = self.contents(), set(self.held)
        if kind in ("delete", "replace") and path in self.of_people:
            mishap = None
        done = self.server.run(self.root, argv, mishap)
        note(f"{shlex.join(argv)}\n{mishap}\n{done.err}{done.code}: {self.files()}")
        happened = MISHAP in done.err
        self.count(label, done, kind if happened else "")
        if done.code == 2 and not happened:
            assert self.contents() == before, done.err
            return done
        assert done.code in (0, {"kill": -9, "interrupt": 130, "terminate": 143}.get(kind, 0)), (
            argv, done,
        )  # fmt: skip
        self.settle(path, held, argv, done, kind if happened else "")
        self.others_are_as_before(before, path, held, known)
        self.state_is_of_one(held)
        if done.code != -9:
            assert not self.litter(path), self.files()
        return done

    def settle(self, path: Path, held: Held, argv: tuple[str, ...], done: Ended, kind: str) -> None:
        """Find what the command has made, and check it."""
        acknowledged = max([held.end, *(int(each) for each in _DONE.findall(done.err))])
        if kind in ("delete", "replace"):
            path = self.taken_away(path, held, done, kind)
        else:
            self.held[path] = held
        if path not in self.held:
            return
        if not (self.root / path).exists():
            assert acknowledged == held.first + 0 * held.count, (argv, done)
            del self.held[path]
            if kind:
                self.retried_from_nothing(path, held, argv)
            return
        record = lt.read_take_record(self.root / path)
        held.count, held.ended = len(record.segments), record.ended or record.end_samples > 0
        surplus = held.end - acknowledged
        assert 0 <= surplus <= (1 if done.code == -9 else 0), (argv, done, held)
        held.argv, held.left = argv, done.code != 0
        check_held(self.root / path, held)
        self.state_is_kept(path, held, argv, done)
        hints = _HINT.findall(done.err)
        self.hint = (path, hints[-1]) if hints else None
        assert not hints or f"-o {path}" in hints[-1], (path, hints)
        if done.code in (130, 143) and held.count and not held.ended:
            assert hints, done.err

    def taken_away(self, path: Path, held: Held, done: Ended, kind: str) -> Path:
        """Where the take is after someone took its file away: under the name that was said."""
        if kind == "replace" and (self.root / path).exists():
            text = (self.root / path).read_bytes()
            if text == b"a person's":
                self.of_people[path] = "a person's"
        self.held.pop(path, None)
        if said := _RESCUED.findall(done.err):
            path = Path(said[-1])
            if path.is_absolute():
                path = path.relative_to(self.root)
            self.held[path] = held
            self.counted["rescued"] += 1
        elif (self.root / path).exists() and path not in self.of_people:
            self.held[path] = held
        else:
            after = done.err.partition(f"{MISHAP}\n")[2]
            assert len(_DONE.findall(after)) <= 1, done.err
        return path

    def state_is_kept(self, path: Path, held: Held, argv: tuple[str, ...], done: Ended) -> None:
        """A take that is not finished can be gone on with, behind all that was acknowledged."""
        named = argv[argv.index("--save-state") + 1 :][:1] if "--save-state" in argv else ()
        places = [Path(each) for each in named] or [self.beside(path)]
        if argv[0] == "finish" and held.state is not None:
            places = [held.state]
        if held.state is not None and not named:
            places.append(held.state)  # it could not move with a file that was taken away
        found = [each for each in places if (self.root / each).exists()]
        held.state = found[0] if found else None
        if held.state is None:
            before_first_state = done.code == -9 and held.count == 1
            assert held.ended or before_first_state, (held, done)
            return
        digest = read_state(self.root / held.state).digest()
        digests = [state.digest() for state in truth_of(held.number).states]
        assert digest in digests, held
        after = digests.index(digest) + 1
        if done.code == -9:
            assert held.end - 1 <= after <= held.end, (held, done)
        else:
            assert after == held.end, (held, done)

    def state_is_of_one(self, held: Held) -> None:
        """What gave its state up, so that another keeps its own there, cannot go on."""
        for other in self.held.values():
            if other is not held and other.state == held.state:
                other.state, other.left = None, False

    def others_are_as_before(
        self, before: dict[Path, bytes], path: Path, held: Held, known: set[Path]
    ) -> None:
        own = {path, held.state, self.beside(path), self.state_of(path)}
        after = self.contents()
        for other in known - own:
            assert after.get(other) == before.get(other), f"{other} was changed"
        for other in before.keys() - own:
            assert other in after, f"{other} was removed"

    def retried_from_nothing(self, path: Path, held: Held, argv: tuple[str, ...]) -> None:
        """A command that was stopped before its first segment goes on from the beginning."""
        if "--state" in argv or "--resume" in argv:
            return
        done = self.server.run(self.root, (*argv, "--resume"))
        self.count("from nothing", done, "")
        assert done.code == 0, (argv, done)
        self.settle(path, held, argv, done, "")

    def count(self, label: str, done: Ended, kind: str) -> None:
        self.counted[label] += 1
        self.counted["acknowledged segments"] += len(_DONE.findall(done.err))
        if done.code == 2:
            self.counted[f"{label}: refused"] += 1
        if kind:
            self.counted[f"mishap: {kind}"] += 1

    # Where things are.

    def some(self, which: Callable[[Held], bool]) -> bool:
        return any(which(held) for held in self.held.values())

    def neighbours(self) -> list[tuple[Path, Path]]:
        """Pairs of files of which the second goes on where the first ends."""
        films = [(path, held) for path, held in self.held.items() if held.count]
        return [
            (one, other)
            for one, first in films
            for other, second in films
            if first.number == second.number and first.end == second.first
            if not first.ended and one.suffix == other.suffix
        ]

    def place(self, pick: int, suffix: str = "") -> Path:
        """For a new file: mostly where nothing is. ``suffix``: that it has, where it matters."""
        everywhere = [Path(folder, name) for folder in FOLDERS for name in NAMES]
        free = [path for path in self.free() if path.suffix == suffix or not suffix]
        places = free if free and pick % 8 != 7 else everywhere
        return places[pick // 8 % len(places)]

    def free(self) -> list[Path]:
        """Where there is neither a file nor a state of it."""
        there = {*self.files(), *map(self.output_of, self.files())}
        everywhere = [Path(folder, name) for folder in FOLDERS for name in NAMES]
        return [path for path in everywhere if path not in there]

    def make_room(self, pick: int, suffix: str = "", keep: tuple[Path, ...] = ()) -> None:
        """Mostly, where no place is free, a person removes a film with its states."""
        there = [*self.held, *map(self.output_of, self.of_people)]
        films = sorted({each for each in there if each not in keep and suffix in each.name})
        if not films or pick % 8 == 7 or any(suffix in each.name for each in self.free()):
            return
        path = films[pick // 8 % len(films)]
        for each in (path, self.beside(path), self.state_of(path)):
            self.remove(each)
            self.of_people.pop(each, None)
        held = self.held.pop(path, None)
        if held is not None:
            self.state_is_of_one(held)
        self.counted["tidied"] += 1

    def output_of(self, state: Path) -> Path:
        """Whose state is kept at ``state``, by its name."""
        return state.with_name(re.sub(r"(\.state)?\.json$", "", state.name))

    def picked(self, pick: int, which: Callable[[Held], bool]) -> tuple[Path, Held]:
        found = [(path, held) for path, held in self.held.items() if which(held)]
        return found[pick % len(found)]

    def beside(self, path: Path) -> Path:
        return path.with_name(f"{path.name}.state.json")

    def state_of(self, path: Path) -> Path:
        """That which these commands save the state of the take in ``path`` to."""
        return path.with_suffix(f"{path.suffix}.json")

    def files(self) -> list[Path]:
        return [each.relative_to(self.root) for each in self.root.glob("*/*")]

    def contents(self) -> dict[Path, bytes]:
        return {
            each: (self.root / each).read_bytes()
            for each in self.files()
            if not each.name.startswith(".")
        }

    def litter(self, path: Path) -> list[Path]:
        """What commands have beside ``path`` while they write it."""
        own = re.compile(rf"\.{re.escape(path.name)}\.([0-9a-f]{{8}}\.part|lock)")
        there = [each for each in self.files() if each.parent == path.parent]
        return [each for each in there if own.fullmatch(each.name)]

    def remove(self, path: Path) -> None:
        (self.root / path).unlink(missing_ok=True)
