"""A take that was interrupted goes on in its own file, and nobody's file is replaced unasked."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

import longtake as lt
from longtake.media.reader import DecodedTake, read_take
from longtake.takes.locks import locked
from longtake.takes.notes import read_take_notes
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.toy_family import Shelf


def assert_same_take(one: str, other: str) -> None:
    first, second = read_take(one), read_take(other)
    np.testing.assert_array_equal(first.frames, second.frames)
    np.testing.assert_array_equal(sound(first), sound(second))


def sound(take: DecodedTake) -> np.ndarray:
    assert take.audio is not None
    return take.audio


def files_in(folder: str = ".") -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


FAIL = ("--set", "draw.fail_in_segment=2")
PROMPTS = ("one", "two", "three", "four")


@pytest.fixture
def whole(longtake: Command, model: str) -> str:
    """The take that one command makes."""
    assert longtake("generate", *PROMPTS, "--model", model, "-o", "whole.mkv").code == 0
    return "whole.mkv"


@pytest.mark.parametrize("blobs", [(), ("--blobs", "shelf:")])
@pytest.mark.parametrize("save", [(), ("--save-state", "s.json")])
def test_the_same_command_again_with_resume_makes_the_take_of_one_process(
    longtake: Command,
    model: str,
    whole: str,
    save: tuple[str, ...],
    blobs: tuple[str, ...],
    shelf: Shelf,
) -> None:
    command = ("generate", *PROMPTS, "--model", model, "-o", "a.mkv", *save, *blobs)
    assert longtake(*command, *FAIL).code == 1
    assert longtake(*command).code == 2  # not replaced
    assert len(read_take("a.mkv").frames) == 8
    resumed = longtake(*command, "--resume", *(("--finish",) if save else ()))
    assert resumed.code == 0
    assert "segment 3/4" in resumed.err
    assert "segment 2/4" not in resumed.err
    assert_same_take("a.mkv", whole)
    kept = {"s.json"} if save else set()
    assert files_in() == {"a.mkv", "whole.mkv"} | kept
    assert len(shelf.blobs) == bool(save and blobs)


def test_without_prompts_those_that_are_left_are_rolled(
    longtake: Command, model: str, whole: str
) -> None:
    longtake("generate", *PROMPTS, "--model", model, "-o", "a.mkv", *FAIL)
    assert longtake("generate", "--resume", "-o", "a.mkv", "--model", model).code == 0
    assert_same_take("a.mkv", whole)


def test_the_hint_is_the_command_that_goes_on(longtake: Command, model: str, whole: str) -> None:
    command = ("generate", *PROMPTS, "--model", model, "-o", "a.mkv", "--overwrite", *FAIL)
    said = longtake(*command).err.splitlines()[-2]
    hint = shlex.split(said.partition("go on with: ")[2])
    assert hint[0] == "longtake"
    assert "--overwrite" not in hint
    mended = [word.replace("draw.fail_in_segment=2", "draw.fail_in_segment=9") for word in hint]
    assert longtake(*mended[1:]).code == 0
    assert_same_take("a.mkv", whole)


def test_a_take_to_be_continued_is_told_how_and_grows_in_its_file(
    longtake: Command, model: str, whole: str
) -> None:
    common = ("--model", model, "--steps", "2", "-o", "a.mkv")
    done = longtake("generate", "one", *common, "--save-state", "s.json")
    for prompt in PROMPTS[1:]:
        hint = shlex.split(done.err.splitlines()[-1].partition("go on with: ")[2])
        assert hint[:3] == ["longtake", "generate", "NEXT PROMPT"]
        assert hint.count("--steps") == 1
        hint[2] = prompt
        done = longtake(*hint[1:])
        assert done.code == 0, done.err
    assert "segment 4/4" in done.err
    assert longtake("finish", "--state", "s.json", "--model", model, "-o", "a.mkv").code == 2
    finish = ("finish", "--state", "s.json", "--model", model, "-o", "a.mkv", "--resume")
    assert longtake(*finish).code == 0
    longtake("generate", *PROMPTS, "--model", model, "--steps", "2", "-o", "w.mkv")
    assert_same_take("a.mkv", "w.mkv")
    assert lt.read_take_record("a.mkv").ended
    again = longtake(*finish)
    assert (again.code, again.err) == (0, "a.mkv: is finished already\n")


def test_a_part_that_was_interrupted_goes_on_from_its_own_state(
    longtake: Command, model: str, whole: str
) -> None:
    longtake("generate", "one", "--model", model, "--save-state", "s.json", "-o", "1.mkv")
    rest = ("generate", *PROMPTS[1:], "--model", model, "--state", "s.json", "-o", "2.mkv")
    assert longtake(*rest, *FAIL).code == 1
    assert longtake(*rest, "--resume").code == 0
    joined = np.concatenate([read_take("1.mkv").frames, read_take("2.mkv").frames])
    np.testing.assert_array_equal(joined, read_take(whole).frames)
    assert files_in() == {"1.mkv", "2.mkv", "s.json", "whole.mkv"}


def test_a_segment_whose_state_was_not_saved_is_rolled_again(
    longtake: Command, model: str, whole: str
) -> None:
    command = ("generate", *PROMPTS, "--model", model, "-o", "a.mkv")
    longtake(*command, "--set", "draw.fail_in_segment=1")
    older = Path("a.mkv.state.json").read_bytes()
    longtake(*command, "--resume", *FAIL)
    Path("a.mkv.state.json").write_bytes(older)  # as after a kill between file and state
    resumed = longtake(*command, "--resume")
    assert resumed.code == 0
    assert "a.mkv: segment 2 is rolled again" in resumed.err
    assert_same_take("a.mkv", whole)


@pytest.mark.parametrize("part", [False, True])
def test_a_segment_is_not_rolled_again_of_another_prompt(
    longtake: Command, model: str, part: bool
) -> None:
    """Where its state is kept elsewhere or was lost, the film is all that there is of it."""
    given: tuple[str, ...] = ()
    if part:
        zero = longtake("generate", "zero", "--model", model, "--save-state", "s.json")
        assert zero.code == 0
        given = ("--state", "s.json")
    common = ("--model", model, "-o", "a.mkv")
    assert longtake("generate", "one", *common, *given, "--save-state", "after.json").code == 0
    Path("after.json").unlink()
    before = Path("a.mkv").read_bytes()
    refused = longtake("generate", "other", *common, *given, "--resume")
    assert refused.code == 2
    assert "has a segment after the state, made of 'one', not of 'other'" in refused.err
    assert Path("a.mkv").read_bytes() == before
    again = longtake("generate", "one", "two", *common, *given, "--resume")
    assert again.code == 0, again.err
    assert f"a.mkv: segment {1 + part} is rolled again" in again.err


@pytest.mark.parametrize(
    ("first", "then", "reason"),
    [
        ((), ("--no-video",), "has pictures; leave out --no-video"),
        ((), ("--no-audio",), "has sound; leave out --no-audio"),
        (("--no-video",), (), "has no pictures; say --no-video"),
    ],
)
def test_a_take_goes_on_with_what_it_has(
    longtake: Command, model: str, first: tuple[str, ...], then: tuple[str, ...], reason: str
) -> None:
    command = ("generate", *PROMPTS, "--model", model, "-o", "a.mkv")
    longtake(*command, *first, "--set", "draw.fail_in_segment=1")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    refused = longtake(*command, *then, "--resume")
    assert refused.code == 2
    assert f"a.mkv: {reason}" in refused.err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_a_first_segment_without_its_state_is_rolled_again(
    longtake: Command, model: str, whole: str
) -> None:
    command = ("generate", *PROMPTS, "--model", model, "-o", "a.mkv")
    longtake(*command, "--set", "draw.fail_in_segment=1")
    Path("a.mkv.state.json").unlink()
    assert longtake(*command, "--resume").code == 0
    assert_same_take("a.mkv", whole)


def test_what_was_interrupted_before_anything_was_stored_begins(
    longtake: Command, model: str, whole: str
) -> None:
    command = ("generate", *PROMPTS, "--model", model, "-o", "a.mkv", "--resume")
    assert longtake(*command).code == 0
    assert_same_take("a.mkv", whole)
    again = longtake(*command)
    assert (again.code, again.err) == (0, "a.mkv: is finished, nothing is left to be rolled\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("one", "too", "three"), "its segment 2 was made of 'two', not of 'too'"),
        (("one",), "has 2 segments already, and 1 are asked for"),
        (("--state", "older.json", "three"), "has 1 segments after the one that the state follows"),
        (("--state", "other.json", "three"), "holds no segment that other.json follows"),
        (("--save-state", "other.json"), "holds no segment that other.json follows"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    longtake: Command, model: str, arguments: tuple[str, ...], reason: str
) -> None:
    longtake("generate", "x", "--model", model, "--seed", "4", "--save-state", "other.json")
    command = ("generate", *PROMPTS, "--model", model, "-o", "a.mkv")
    longtake(*command, "--set", "draw.fail_in_segment=1")
    Path("older.json").write_bytes(Path("a.mkv.state.json").read_bytes())
    longtake(*command, "--resume", *FAIL)
    before = {path: path.read_bytes() for path in Path().iterdir()}
    refused = longtake("generate", *arguments, "--model", model, "-o", "a.mkv", "--resume")
    assert refused.code == 2
    assert reason in refused.err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


@pytest.mark.parametrize("film", [False, True])
@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("flags", [(), ("--overwrite",), ("--overwrite", "--discard-state")])
def test_nobodys_file_is_replaced_unasked(
    longtake: Command, model: str, film: bool, state: bool, flags: tuple[str, ...]
) -> None:
    if film:
        Path("a.mkv").write_bytes(b"a film")
    if state:
        Path("a.mkv.state.json").write_text("{}")
    done = longtake("generate", "one", "--model", model, "-o", "a.mkv", *flags)
    allowed = not (film and not flags) and not (state and "--discard-state" not in flags)
    assert done.code == (0 if allowed else 2)
    if allowed:
        assert len(read_take("a.mkv").frames) == 4
        assert files_in() == {"a.mkv"}
    else:
        assert "(-o)" in done.err
        assert not film or Path("a.mkv").read_bytes() == b"a film"
        assert not state or Path("a.mkv.state.json").read_text() == "{}"


def test_the_output_has_a_free_name(longtake: Command, model: str) -> None:
    for name in ("take.mp4", "take-2.mp4", "take-3.mp4"):
        done = longtake("generate", "one", "--model", model)
        assert done.err.splitlines()[-1].startswith(f"{name}: 4 frames")


def test_a_second_command_on_the_same_files_is_refused(longtake: Command, model: str) -> None:
    with locked("a.mkv", "s.json"):
        for files in (("-o", "a.mkv"), ("-o", "b.mkv", "--save-state", "s.json")):
            refused = longtake("generate", "one", "--model", model, *files)
            assert refused.code == 2
            assert "another command is writing it" in refused.err
    assert longtake("generate", "one", "--model", model, "-o", "a.mkv").code == 0
    assert files_in() == {"a.mkv"}


def test_what_dead_writers_left_is_swept(longtake: Command, model: str) -> None:
    kept = {".a.mkv.0123456.part", ".a.mkv.note.part", ".b.mkv.01234567.part", "a.mkv.part"}
    for name in kept | {".a.mkv.01234567.part", ".a.mkv.state.json.89abcdef.part"}:
        Path(name).touch()
    assert longtake("generate", "one", "--model", model, "-o", "a.mkv").code == 0
    assert files_in() == kept | {"a.mkv"}


def test_a_film_that_is_taken_away_goes_on_elsewhere(
    longtake: Command, model: str, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from longtake.takes.writer import TakeWriter

    append, calls = TakeWriter.append, []

    def taken_away(self: TakeWriter, *args: object, **options: object) -> None:
        calls.append(self.path)
        if len(calls) == 3:
            Path("a.mkv").unlink()
            Path("a.mkv").write_bytes(b"somebody's")
        append(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(TakeWriter, "append", taken_away)
    done = longtake("generate", *PROMPTS, "--model", model, "-o", "a.mkv")
    assert done.code == 0
    assert done.err.splitlines()[-1].startswith("a-2.mkv: 16 frames")
    assert "was replaced while the take was rolling" in done.err
    assert Path("a.mkv").read_bytes() == b"somebody's"
    assert_same_take("a-2.mkv", whole)
    assert files_in() == {"a.mkv", "a-2.mkv", "whole.mkv"}


def test_the_record_says_what_made_it(longtake: Command, model: str) -> None:
    longtake("generate", *PROMPTS, "--model", model, "-o", "a.mp4", "--seed", "7")
    record = lt.read_take_record("a.mp4")
    assert (record.family, record.preset, record.seed) == ("fog", "thin@1", 7)
    assert [segment.prompt for segment in record.segments] == list(PROMPTS)
    assert record.planned == PROMPTS
    assert "longtake" in record.versions
    assert record.ended


def test_states_in_the_film_and_beside_agree(longtake: Command, model: str) -> None:
    longtake("generate", *PROMPTS, "--model", model, "-o", "a.mkv", *FAIL)
    state = lt.ContinuationState.from_json(Path("a.mkv.state.json").read_bytes())
    assert lt.read_take_record("a.mkv").segments[-1].state == state.digest()


def test_a_state_that_is_in_the_way_of_a_film_that_moves_stays(
    longtake: Command, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept beside a free name is somebody's, too: the hint names the state's own place."""
    from longtake.takes.writer import TakeWriter

    append, calls = TakeWriter.append, []

    def taken_away(self: TakeWriter, *args: object, **options: object) -> None:
        calls.append(self.path)
        if len(calls) == 2:
            Path("a.mkv").unlink()
            Path("a.mkv").write_bytes(b"somebody's")
            Path("a-2.mkv.state.json").write_text("somebody's state")
        append(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(TakeWriter, "append", taken_away)
    stopped = longtake("generate", *PROMPTS, "--model", model, "-o", "a.mkv", *FAIL)
    assert stopped.code == 1
    assert Path("a-2.mkv.state.json").read_text() == "somebody's state"
    hint = stopped.err.splitlines()[-2].partition("go on with: ")[2]
    assert hint.endswith("-o a-2.mkv --save-state a.mkv.state.json --resume")


def test_what_was_killed_right_before_its_end_is_closed_and_not_rolled_twice(
    longtake: Command, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from longtake.media import take_file

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    common = ("--model", model, "-o", "a.mkv", "--save-state", "s.json")
    longtake("generate", "one", *common)
    further = ("generate", "two", *common, "--state", "s.json", "--resume")
    with monkeypatch.context() as killed:
        killed.setattr(take_file, "remux", full)
        assert longtake(*further).code == 2  # as good as killed: the file still grows
    assert not read_take_notes("a.mkv").finished
    again = longtake(*further)
    assert again.code == 0
    assert "has these segments already" in again.err
    assert len(read_take("a.mkv").frames) == 8
    assert read_take_notes("a.mkv").finished
    assert longtake(*further).code == 0  # now it is the next one
    assert len(read_take("a.mkv").frames) == 12
