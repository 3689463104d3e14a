"""``longtake generate``: what is written, what is kept, what is refused."""

from __future__ import annotations

import functools
import io
import json
import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longtake as lt
from longtake.media.reader import DecodedTake, read_take
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.toy_family import HELD_BACK, RATE, Draw, FogCodec, FogState, Shelf


class Terminal(io.StringIO):
    """Standard error of somebody who sits in front of it."""

    def isatty(self) -> bool:
        return True


def joined(*names: str) -> DecodedTake:
    parts = [read_take(name) for name in names]
    frames = [part.frames for part in parts if len(part.frames)]
    audio = [part.audio for part in parts if part.audio is not None]
    rate, fps = parts[0].sample_rate, parts[0].fps
    return DecodedTake(np.concatenate(frames), np.concatenate(audio, axis=1), rate, fps)


def assert_same_take(one: DecodedTake, other: DecodedTake) -> None:
    np.testing.assert_array_equal(one.frames, other.frames)
    assert one.audio is not None
    assert other.audio is not None
    np.testing.assert_array_equal(one.audio, other.audio)


def files_in(folder: str = ".") -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def test_each_prompt_is_a_segment_and_the_take_ends_with_its_picture(
    longtake: Command, model: str
) -> None:
    done = longtake("generate", "one", "two", "three", "--model", model)
    assert (done.code, done.out) == (0, "")
    take = read_take("take.mp4")
    assert take.frames.shape == (12, 32, 48, 3)
    assert take.audio is not None
    assert take.audio.shape == (1, 12 * RATE // 24)
    assert files_in() == {"take.mp4"}


def test_in_a_pipe_there_is_a_quiet_line_per_segment(longtake: Command, model: str) -> None:
    lines = longtake("generate", "one", "--segments", "2", "--model", model).err.splitlines()
    assert lines[0] == f"fog, preset thin@1, model {model}"
    assert lines[1] == "seed 1, 32x48, 4 frames at 24 a second; segments 1 to 2 into take.mp4"
    assert lines[2].startswith("segment 1/2: 4 frames, 0.17 s, draw 0.")
    assert lines[3].startswith("segment 2/2: 4 frames, 0.17 s, draw 0.")
    assert lines[4:] == ["take.mp4: 8 frames, 0.33 s"]


def test_on_a_terminal_a_bar_names_the_stage(
    longtake: Command, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert longtake("generate", "one", "two", "--model", model, "--steps", "3").code == 0
    shown = terminal.getvalue()
    assert re.search(r"segment 1/2 draw +\|.*\| 2/3 \[", shown)
    assert re.search(r"segment 2/2 draw +\|.*\| 3/3 \[", shown)
    assert "segment 2/2: 4 frames" in shown


def test_the_last_prompt_repeats(longtake: Command, model: str) -> None:
    longtake("generate", "one", "three", "--segments", "3", "--model", model, "-o", "a.mkv")
    longtake("generate", "one", "three", "three", "--model", model, "-o", "b.mkv")
    assert_same_take(read_take("a.mkv"), read_take("b.mkv"))


def test_without_a_model_an_example_is_used_and_said_to_be_noise(longtake: Command) -> None:
    done = longtake("generate", "one")
    assert done.code == 0
    note = done.err.splitlines()[0]
    assert "random weights" in note
    assert "--model DIR" in note


def test_a_family_without_weights_needs_no_model(longtake: Command) -> None:
    done = longtake("generate", "one", "--family", "dust")
    assert done.code == 0
    assert "random weights" not in done.err
    take = read_take("take.mp4")
    assert (len(take.frames), take.audio) == (4, None)


def test_the_options_reach_the_request(longtake: Command, model: str) -> None:
    size = ("--height", "64", "--width", "80", "--num-frames", "6", "--fps", "24000/1001")
    assert longtake("generate", "one", "--model", model, *size).code == 0
    take = read_take("take.mp4")
    assert take.frames.shape == (6, 64, 80, 3)
    assert str(take.fps) == "24000/1001"


def test_set_wins_over_the_option_for_the_same_field(longtake: Command, model: str) -> None:
    longtake("generate", "one", "--model", model, "--seed", "5", "-o", "a.mkv")
    longtake(
        *("generate", "one", "--model", model, "--seed", "9", "--set", "sampling.seed=5"),
        *("--set", "draw.num_inference_steps=3", "-o", "b.mkv"),
    )
    assert_same_take(read_take("a.mkv"), read_take("b.mkv"))


@pytest.mark.parametrize("blobs", [(), ("--blobs", "shelf:")])
def test_commands_joined_by_states_make_the_take_of_one(
    longtake: Command, model: str, blobs: tuple[str, ...]
) -> None:
    common = ("--model", model, *blobs)
    longtake("generate", "one", "two", "three", *common, "-o", "all.mkv")
    longtake("generate", "one", *common, "--save-state", "1.json", "-o", "1.mkv")
    longtake(
        *("generate", "two", *common, "--state", "1.json"),
        *("--save-state", "2.json", "-o", "2.mkv"),
    )
    longtake("generate", "three", *common, "--state", "2.json", "-o", "3.mkv")
    assert_same_take(joined("1.mkv", "2.mkv", "3.mkv"), read_take("all.mkv"))


def test_a_take_to_be_continued_holds_its_sound_back_unless_it_is_finished_too(
    longtake: Command, model: str
) -> None:
    longtake("generate", "one", "--model", model, "--save-state", "s.json", "-o", "a.mkv")
    longtake(
        *("generate", "one", "--model", model, "--save-state", "t.json"),
        *("--finish", "-o", "b.mkv"),
    )
    held, ended = read_take("a.mkv").audio, read_take("b.mkv").audio
    assert held is not None
    assert ended is not None
    assert held.shape[1] + HELD_BACK == ended.shape[1] == 4 * RATE // 24
    assert Path("s.json").read_text() == Path("t.json").read_text()


def test_only_the_blobs_of_the_newest_state_are_kept(
    longtake: Command, model: str, shelf: Shelf
) -> None:
    common = ("--model", model, "--blobs", "shelf:")
    longtake("generate", "one", "--segments", "3", *common, "--save-state", "a.json")
    [kept] = shelf.blobs
    assert json.loads(Path("a.json").read_text())["payload"]["blob"] == kept
    longtake(
        *("generate", "one", "--segments", "3", *common),
        *("--state", "a.json", "--save-state", "b.json"),
    )
    new = json.loads(Path("b.json").read_text())["payload"]["blob"]
    assert set(shelf.blobs) == {kept, new}
    longtake("generate", "one", *common, "--state", "b.json")
    assert set(shelf.blobs) == {kept, new}


def test_a_state_that_is_replaced_lets_its_blobs_go(
    longtake: Command, model: str, shelf: Shelf
) -> None:
    common = ("--model", model, "--blobs", "shelf:")
    assert longtake("generate", "one", *common, "--save-state", "a.json").code == 0
    first = json.loads(Path("a.json").read_text())["payload"]["blob"]
    failing = ("--set", "draw.fail_in_segment=1")
    goes_on = ("--state", "a.json", "--save-state", "a.json")
    assert longtake("generate", "two", *common, *goes_on, *failing).code == 1
    assert set(shelf.blobs) == {first}  # nothing has been written in its place
    assert longtake("generate", "two", "three", *common, *goes_on).code == 0
    last = json.loads(Path("a.json").read_text())["payload"]["blob"]
    assert set(shelf.blobs) == {last}
    Path("link.json").symlink_to("a.json")
    goes_on = ("--state", "link.json", "--save-state", "a.json")
    assert longtake("generate", "four", *common, *goes_on).code == 0
    newest = json.loads(Path("a.json").read_text())["payload"]["blob"]
    assert set(shelf.blobs) == {newest}


def test_the_kind_of_the_saved_state_is_the_one_asked_for(longtake: Command, model: str) -> None:
    common = ("--model", model, "--save-state", "s.json", "--state-kind", "fog.v1")
    assert longtake("generate", "one", *common).code == 0
    assert longtake("inspect", "s.json").out.startswith("kind     fog.v1")


def test_a_failing_segment_leaves_the_ones_before_it_and_their_state(
    longtake: Command, model: str
) -> None:
    common = ("--model", model, "--blobs", "shelf:")
    longtake("generate", "one", "two", "three", *common, "-o", "all.mkv")
    failed = longtake(
        *("generate", "one", "two", "three", *common, "-o", "a.mkv"),
        *("--set", "draw.fail_in_segment=1"),
    )
    assert failed.code == 1
    again = f"longtake generate one two three --model {model} --blobs shelf: -o a.mkv"
    assert failed.err.splitlines()[-2:] == [
        f"a.mkv: 1 of 3 segments are done; go on with: {again} "
        "--set draw.fail_in_segment=1 --resume",
        "error: stage 'draw' failed: RuntimeError: the fog lifted (longtake --verbose shows where)",
    ]
    assert len(read_take("a.mkv").frames) == 4
    rest = longtake(
        *("generate", "two", "three", *common),
        *("--state", "a.mkv.state.json", "-o", "b.mkv"),
    )
    assert rest.code == 0
    assert_same_take(joined("a.mkv", "b.mkv"), read_take("all.mkv"))


def test_ctrl_c_keeps_the_finished_segments_and_their_state(longtake: Command, model: str) -> None:
    stopped = longtake(
        *("generate", "one", "--segments", "4", "--model", model, "--save-state", "s.json"),
        *("--set", "draw.interrupt_in_segment=2", "--steps", "1000"),
    )
    assert stopped.code == 130
    again = f"longtake generate one --segments 4 --model {model} --save-state s.json"
    assert stopped.err.splitlines()[-2:] == [
        f"take.mp4: 2 of 4 segments are done; go on with: {again} "
        "--set draw.interrupt_in_segment=2 --steps 1000 -o take.mp4 --resume",
        "interrupted",
    ]
    assert len(read_take("take.mp4").frames) == 8
    assert json.loads(Path("s.json").read_text())["payload"]["index"] == 1
    assert files_in() == {"take.mp4", "s.json"}


def test_an_existing_take_stays_when_the_first_segment_fails(longtake: Command, model: str) -> None:
    longtake("generate", "one", "--model", model)
    before = Path("take.mp4").read_bytes()
    failed = longtake("generate", "one", "--model", model, "--set", "draw.fail_in_segment=0")
    assert failed.code == 1
    assert failed.err.splitlines()[-1].startswith("error: stage 'draw' failed")
    assert Path("take.mp4").read_bytes() == before
    assert files_in() == {"take.mp4"}


def test_a_segment_that_cannot_be_stored_leaves_nothing_behind(
    longtake: Command, model: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    failed = longtake("generate", "one", "--model", model, "--blobs", "shelf:")
    assert failed.code == 2
    assert "take.mp4: cannot store the segment" in failed.err
    assert shelf.puts == 1
    assert not shelf.blobs
    assert files_in() == set()


def test_a_segment_is_kept_while_the_next_one_is_made(
    longtake: Command, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, draw, second = FogCodec.encode, Draw.__call__, threading.Event()
    waited = []

    def written(codec: FogCodec, value: FogState, blobs: Any = None) -> lt.ContinuationState:
        if value.segment_index == 0:
            waited.append(second.wait(30))
        return encode(codec, value, blobs)

    def drawn(*given: Any, **named: Any) -> Any:
        if named["job"].segment_index == 1:
            second.set()
        return draw(*given, **named)

    functools.update_wrapper(drawn, draw)
    has_cores(monkeypatch, 64)
    monkeypatch.setattr(FogCodec, "encode", written)
    monkeypatch.setattr(Draw, "__call__", drawn)
    assert longtake("generate", "one", "two", "--model", model, "-o", "a.mkv").code == 0
    assert waited == [True]
    assert len(read_take("a.mkv").frames) == 8


def has_cores(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the machine have as many, of which the drawing takes about one."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(number)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: number)


def test_a_segment_is_kept_before_the_next_one_is_made_where_that_takes_all_cores(
    longtake: Command, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, draw = FogCodec.encode, Draw.__call__
    order: list[str] = []

    def written(codec: FogCodec, value: FogState, blobs: Any = None) -> lt.ContinuationState:
        time.sleep(0.1)  # longer than the next one would take to begin
        order.append(f"kept {value.segment_index}")
        return encode(codec, value, blobs)

    def drawn(*given: Any, **named: Any) -> Any:
        order.append(f"drawn {named['job'].segment_index}")
        return draw(*given, **named)

    functools.update_wrapper(drawn, draw)
    has_cores(monkeypatch, 0)
    monkeypatch.setattr(FogCodec, "encode", written)
    monkeypatch.setattr(Draw, "__call__", drawn)
    assert longtake("generate", "one", "two", "--model", model, "-o", "a.mkv").code == 0
    assert order == ["drawn 0", "kept 0", "drawn 1", "kept 1"]


def test_what_keeps_a_segment_from_the_file_ends_the_making_of_the_next_one(
    longtake: Command, model: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    draw = Draw.__call__

    def drawn(*given: Any, **named: Any) -> Any:
        if named["job"].segment_index == 1:
            for _ in named["run"].steps(3000):
                time.sleep(0.01)
        return draw(*given, **named)

    functools.update_wrapper(drawn, draw)
    monkeypatch.setattr(Draw, "__call__", drawn)
    monkeypatch.setattr(os, "fsync", full)
    failed = longtake("generate", "one", "two", "--model", model, "--blobs", "shelf:")
    assert failed.code == 2
    assert "take.mp4: cannot store the segment" in failed.err
    assert shelf.puts == 1
    assert not shelf.blobs
    assert files_in() == set()


def test_verbose_shows_where_it_failed(longtake: Command, model: str) -> None:
    arguments = ("generate", "one", "--model", model, "--set", "draw.fail_in_segment=0")
    assert "Traceback" not in longtake(*arguments).err
    assert "Traceback" in longtake("--verbose", *arguments).err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "Missing argument"),
        (("a", "b", "--segments", "1"), "--segments 1 is less than the 2 prompts"),
        (("a", "--segments", "0"), "--segments"),
        (("a", "--seed", "x"), "--seed"),
        (("a", "-o", "nowhere/take.mp4"), "there is no folder"),
        (("a", "-o", "take.gif"), "unknown file type"),
        (("a", "-o", "take.webp"), "of it: longtake join TAKE -o take.webp"),
        (("a", "--save-state", "nowhere/s.json"), "nowhere/s.json: there is no folder"),
        (("a", "-o", "new.mp4", "--save-state", "new.mp4"), "the same file"),
        (("a", "-o", "new.mp4", "--state", "new.mp4"), "the same file"),
        (("a", "-o", "take.mp4"), "is there already; go on with it (--resume), name another"),
        (("a", "--save-state", "keyless.json"), "keyless.json: is there already; go on from it"),
        (("a", "-o", "take.mp4", "--resume"), "take.mp4: "),
        (("a", "-o", "new.mp4", "--resume", "--state", "keyless.json"), "is not a state"),
        (("--resume", "-o", "new.mp4"), "new.mp4: is not there, so there is nothing to go on"),
        (("a", "--save-state", "."), "is a directory"),
        (("a", "--state", "nowhere.json"), "nowhere.json: cannot be read"),
        (("a", "--state", "noise.json"), "noise.json: is not a state"),
        (("a", "--state", "keyless.json"), "keyless.json: is not a state: payload: required"),
        (("a", "--state", "empty.json"), "state.payload.index: required"),
        (("a", "--state", "foreign.json"), "state.kind: 'mud.v1' is not a state of family 'fog'"),
        (("a", "--preset", "grey"), "no preset 'grey'"),
        (("a", "--preset-override", "refine=1"), "--preset-override 'refine' is not a path"),
        (("a", "--preset-override", "refine.x"), "--preset-override 'refine.x' is not of the form"),
        (("a", "--preset-override", "refine.x=1"), "preset_overrides.refine: preset 'thin' has no"),
        (("a", "--family", "snow"), "'snow'"),
        (("a", "--model", "nowhere"), "nowhere: there is no such file or folder"),
        (("a", "--model", "."), "no family recognises it"),
        (("a", "--numerics", "exact"), "No such option '--numerics'"),
        (("a", "--blobs", "shelf"), "blobs: 'shelf' is not a URL"),
        (("a", "--blobs", "cloud:x"), "blob store scheme 'cloud'"),
        (("a", "--blobs", "memory:", "--save-state", "s.json"), "a store that lasts"),
        (("a", "--height", "40"), "sampling.height: must divide by 16"),
        (("a", "--steps", "0"), "sampling.num_inference_steps: is 0"),
        (("a", "--fps", "fast"), "sampling.fps: expected a number or a ratio"),
        (("a", "--set", "seed"), "path=value"),
        (("a", "--set", "seed=3"), "sampling.seed"),
        (("a", "--set", "sampling.sede=3"), "sampling.sede: unknown field"),
        (("a", "--set", "sampling.seed=3.5"), "sampling.seed: expected an integer"),
        (("a", "--set", "draw.colour=1"), "stage_overrides.draw.colour: unknown field"),
        (("a", "--set", "paint.colour=1"), "stage_overrides.paint: no stage of this name"),
        (("a", "--state-kind", "mud.v1"), "output.state_kind: family 'fog' writes no states of"),
        (("a", "--family", "dust", "--state-kind", "dust.v1"), "output.state_kind: family 'dust'"),
        (("a", "--set", "output.last=true"), "--set output.last: use --save-state"),
        (("a", "b", "--family", "dust"), "family 'dust' makes no state"),
        (("a", "--family", "dust", "--save-state", "s.json"), "family 'dust' makes no state"),
    ],
)
def test_wrong_use_is_refused_in_one_line_before_anything_is_written(
    longtake: Command, arguments: tuple[str, ...], reason: str
) -> None:
    Path("noise.json").write_bytes(b"\x00\xff")
    Path("keyless.json").write_text('{"kind": "fog.v1"}')
    Path("empty.json").write_text('{"kind": "fog.v1", "payload": {}}')
    Path("foreign.json").write_text('{"kind": "mud.v1", "payload": {}}')
    Path("take.mp4").write_bytes(b"an earlier take")
    before = files_in()
    refused = longtake("generate", *arguments)
    assert (refused.code, refused.out) == (2, "")
    lines = [line for line in refused.err.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert reason in lines[0]
    assert Path("take.mp4").read_bytes() == b"an earlier take"
    assert files_in() == before


def test_a_take_is_not_overwritten_by_what_goes_on_from_it(longtake: Command, model: str) -> None:
    longtake("generate", "one", "two", "--model", model, "--set", "draw.fail_in_segment=1")
    before = Path("take.mp4").read_bytes()
    onward = ("generate", "two", "--model", model, "--state", "take.mp4.state.json")
    refused = longtake(*onward, "-o", "take.mp4")
    assert refused.code == 2
    assert "name another file (-o)" in refused.err
    assert Path("take.mp4").read_bytes() == before
    assert longtake(*onward).code == 0
    assert len(read_take("take-2.mp4").frames) == 4
    assert Path("take.mp4").read_bytes() == before
    assert files_in() == {"take.mp4", "take.mp4.state.json", "take-2.mp4"}


def test_a_blob_that_is_gone_is_a_failure(longtake: Command, model: str, shelf: Shelf) -> None:
    common = ("--model", model, "--blobs", "shelf:")
    longtake("generate", "one", *common, "--save-state", "s.json")
    shelf.blobs.clear()
    failed = longtake("generate", "two", *common, "--state", "s.json", "-o", "b.mp4")
    assert failed.code == 1
    assert failed.err.splitlines()[-1].startswith("error: blob b1: not on the shelf")
