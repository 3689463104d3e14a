"""``longtake sessions roll``: sessions are made and gone on with, by one process or several."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import longtake as lt
from longtake.cli.commands.sessions import towards
from longtake.cli.terminal.events import SegmentCommitted, StepProgress, TakeEvent
from longtake.cli.terminal.voices import JsonLines
from tests.sdk.cli.commands.sessions.takes import Takes
from tests.sdk.cli.toy_family import FOG


def test_a_session_is_made_and_each_prompt_is_a_segment(takes: Takes) -> None:
    done = takes.roll("tram", "one", "two", "--label", "show=sea")
    assert done.out == ""
    lines = done.err.splitlines()
    assert lines[0] == f"fog, preset thin@1, model {takes.model}"
    assert lines[1] == ("seed 1, 32x48, 4 frames at 24 a second; segments 1 to 2 into session tram")
    assert lines[2].startswith("segment 1: 0.17 s, draw 0.")
    assert lines[3].startswith("segment 2: 0.17 s, draw 0.")
    assert lines[4:] == ["session tram: 2 segments"]
    record = takes.store().read("tram")
    assert (record.family, record.preset, record.num_segments) == ("fog", "thin@1", 2)
    assert record.labels == {"show": "sea"}
    assert all(path.name.startswith("takes.db") for path in Path().iterdir())


def test_the_next_command_goes_on(takes: Takes) -> None:
    takes.roll("tram", "one")
    done = takes.roll("tram", "two", "three", "--segments", "3")
    assert takes.prompts("tram") == ["one", "two", "three", "three"]
    assert done.err.splitlines()[-1] == "session tram: 4 segments, 3 of them rolled here"


def test_until_counts_the_segments_of_the_session(takes: Takes) -> None:
    takes.roll("tram", "one", "two", "--until", "3")
    assert takes.prompts("tram") == ["one", "two", "two"]
    done = takes.roll("tram", "one", "two", "--until", "3")
    assert done.err == "session tram: 3 segments, 0 of them rolled here\n"
    takes.roll("tram", "x", "y", "z", "a", "b", "--until", "6")
    assert takes.prompts("tram") == ["one", "two", "two", "a", "b", "b"]


def test_what_others_rolled_meanwhile_is_told(
    takes: Takes, monkeypatch: pytest.MonkeyPatch
) -> None:
    raced: list[int] = []

    def after_another(
        store: lt.SessionStore, session_id: str, requests: object, **options: Any
    ) -> object:
        if not raced:
            raced.append(1)
            common = {name: options[name] for name in ("pipeline", "blobs", "media")}
            lt.roll(store, session_id, "another prompt", worker="other", **common)
        return lt.roll_each(store, session_id, requests, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(towards, "roll_each", after_another)
    done = takes.roll("tram", "one", "--until", "2")
    assert takes.prompts("tram") == ["another prompt", "one"]
    lines = done.err.splitlines()
    assert lines[2] == "segment 1/2: 0.17 s, rolled by other"
    assert lines[3].startswith("segment 2/2: 0.17 s, draw")
    assert lines[4:] == ["session tram: 2 segments, 1 of them rolled here"]


class Keeping(lt.BlobMedia):
    """Keeps a segment when ``act`` has returned, which is given its number, from 1."""

    def __init__(self, act: Callable[[int], object]) -> None:
        self._act = act

    def keep(self, made: lt.MadeSegment, blobs: lt.BlobStore | None) -> Sequence[str]:
        self._act(made.index + 1)
        return super().keep(made, blobs)


def test_a_segment_is_told_when_it_is_committed_while_the_next_one_is_made(
    takes: Takes, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int, int]] = []
    next_is_made = [threading.Event() for _ in range(4)]
    tell = JsonLines.tell

    def telling(voice: JsonLines, event: TakeEvent) -> None:
        if isinstance(event, StepProgress) and event.step == 1:
            next_is_made[event.segment - 1].set()
        elif isinstance(event, SegmentCommitted):
            held = takes.store().read("tram").num_segments
            told.append(("committed", event.segment, held))
        tell(voice, event)

    def wait(number: int) -> None:
        assert number == 3 or next_is_made[number].wait(60)

    monkeypatch.setattr(JsonLines, "tell", telling)
    monkeypatch.setattr(towards, "BlobMedia", lambda: Keeping(wait))
    takes.roll("tram", "one", "two", "three", "--json")
    assert told == [("committed", number, number) for number in (1, 2, 3)]
    assert takes.prompts("tram") == ["one", "two", "three"]


def test_nothing_computes_in_the_thread_that_keeps(
    takes: Takes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread loads and is over, one makes all segments."""
    threads: list[threading.Thread] = []

    def noting(name: str) -> Callable[..., Any]:
        act = getattr(lt.Pipeline, name)

        def noted(*given: Any, **how: Any) -> Any:
            threads.append(threading.current_thread())
            assert not any(each is not threads[-1] and each.is_alive() for each in threads)
            return act(*given, **how)

        return noted

    monkeypatch.setattr(lt.Pipeline, "prepare", noting("prepare"))
    monkeypatch.setattr(lt.Pipeline, "generate", noting("generate"))
    takes.roll("tram", "one", "two")
    _, first, second = threads
    assert first is second is not threading.current_thread()


@pytest.mark.parametrize(
    ("goal", "prompts"),
    [("--until", ["one", "two", "two"]), ("--segments", ["one", "two"] + ["two"] * 2)],
)
def test_what_another_shell_has_committed_meanwhile_is_counted_and_told_once(
    takes: Takes, monkeypatch: pytest.MonkeyPatch, goal: str, prompts: list[str]
) -> None:
    """By the very same step, while this one was keeping its own second segment."""
    asked: list[Any] = []
    with_what: dict[str, Any] = {}

    def overtake(number: int) -> None:
        if number == 2 and with_what:
            how = {"claim_seconds": 0.01, "wait_seconds": 0.01, **with_what}
            with_what.clear()
            lt.roll(takes.store(), "tram", asked[1], worker="other", **how)

    def noted(requests: Iterable[Any]) -> Iterator[Any]:
        for request in requests:
            asked.append(request)
            yield request

    def noting(
        store: lt.SessionStore, session_id: str, requests: Iterable[Any], **how: Any
    ) -> object:
        if not asked:
            with_what.update({name: how[name] for name in ("pipeline", "blobs")})
        return lt.roll_each(store, session_id, noted(requests), **{**how, "claim_seconds": 0.01})

    monkeypatch.setattr(towards, "roll_each", noting)
    monkeypatch.setattr(towards, "BlobMedia", lambda: Keeping(overtake))
    done = takes.roll("tram", "one", "two", goal, "3")
    assert takes.prompts("tram") == prompts
    told = [line.split(",")[0] for line in done.err.splitlines()[2:-1]]
    of = "/3" if goal == "--until" else ""
    assert told == [f"segment {number}{of}: 0.17 s" for number in range(1, len(prompts) + 1)]
    others = [line for line in done.err.splitlines() if "rolled by other" in line]
    assert others == [f"segment 2{of}: 0.17 s, rolled by other"]


def test_a_program_is_told_in_lines_of_json(takes: Takes) -> None:
    done = takes.roll("tram", "one", "two", "--json", "--worker", "w")
    events = [json.loads(line) for line in done.out.splitlines()]
    told = [each for each in events if each["event"] != "progress"]
    assert [each["event"] for each in told] == ["started", "committed", "committed", "rolled"]
    committed = told[1]
    assert committed.pop("timings").keys() == {"draw"}
    assert committed == {
        "event": "committed",
        "session": "tram",
        "segment": 1,
        "segments": None,
        "revision": 1,
        "seconds": 0.167,
        "made_by": "w",
        "own": True,
        "state_digest": takes.segments("tram")[0]["state_digest"],
    }
    assert told[3] == {"event": "rolled", "session": "tram", "segments": 2, "rolled": 2}
    steps = [each for each in events if each["event"] == "progress"]
    assert [(each["segment"], each["step"]) for each in steps if each["step"]] == [
        (1, 1), (1, 2), (2, 1), (2, 2),
    ]  # fmt: skip


def test_ctrl_c_leaves_the_finished_segments(takes: Takes) -> None:
    stopped = takes.run(
        "roll", "tram", "one", "--segments", "3", "--model", takes.model,
        "--set", "draw.interrupt_in_segment=1",
    )  # fmt: skip
    assert stopped.code == 130
    assert stopped.err.splitlines()[-2:] == [
        "session tram: 1 segment is committed",
        "interrupted",
    ]
    assert takes.prompts("tram") == ["one"]
    takes.roll("tram", "two")
    assert takes.prompts("tram") == ["one", "two"]


def test_a_segment_that_fails_leaves_those_before_it_and_no_blob(takes: Takes) -> None:
    failed = takes.run(
        "roll", "tram", "one", "--segments", "2", "--model", takes.model,
        "--set", "draw.fail_in_segment=1",
    )  # fmt: skip
    assert failed.code == 1
    assert "error: stage 'draw' failed" in failed.err
    segments = takes.store().history("tram")
    assert len(segments) == 1
    store = takes.store()
    assert isinstance(store, lt.SupportsHolds)
    assert store.held() == set(segments[0].blob_ids)


def test_a_session_says_what_rolls_it(takes: Takes) -> None:
    takes.roll("tram", "one", "--preset", "thick", "--negative-prompt", "sun")
    assert takes.store().read("tram").preset == "thick@2"
    takes.roll("tram", "two", "--negative-prompt", "sun")  # the session knows the preset
    refused = takes.run("roll", "tram", "three", "--preset", "thin", "--model", takes.model)
    assert refused.code == 2
    assert refused.err == (
        "error: session 'tram' is rolled by fog thick@2, not by fog thin@1; fork it, or take "
        "another id. See 'longtake sessions roll --help'.\n"
    )
    other = takes.run("roll", "tram", "three", "--family", "dust", "--preset", "default")
    assert (other.code, "is rolled by fog thick@2, not by dust" in other.err) == (2, True)


def test_a_newer_version_of_the_preset_is_accepted_on_purpose(
    takes: Takes, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes.roll("tram", "one", "--preset", "thick", "--negative-prompt", "sun")
    newer = FOG.evolve(presets=tuple(each.evolve(version=3) for each in FOG.presets))
    plugins = [
        each.evolve(families=(newer,)) if FOG in each.families else each
        for each in lt.Registry.default().plugins
    ]
    monkeypatch.setattr(lt.Registry, "default", lambda: lt.Registry(plugins))
    for words in ((), ("--preset", "thick")):
        refused = takes.run("roll", "tram", "two", "--model", takes.model, *words)
        assert refused.code == 2
        assert refused.err == (
            "error: session 'tram': its preset is 'thick@2', and this is 'thick@3': use the "
            "release that has 'thick@2', or go on with 'thick@3' on purpose with "
            "accept_versions=True (--accept-versions). See 'longtake sessions roll --help'.\n"
        )
    takes.roll("tram", "two", "--accept-versions", "--negative-prompt", "sun")
    assert takes.prompts("tram") == ["one", "two"]
    assert [each.versions.get("preset thick") for each in takes.store().history("tram")] == [
        None,
        "3",
    ]
    thin = takes.run("roll", "tram", "three", "--model", takes.model, "--preset", "thin")
    assert (thin.code, "is rolled by fog thick@2, not by fog thin@3" in thin.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("../tram", "one"), "session id: '../tram' is none"),
        (("tram",), "Missing argument 'PROMPT...'"),
        (("tram", "one", "--segments", "2", "--until", "2"), "exclude each other"),
        (("tram", "one", "two", "--segments", "1"), "--segments 1 is less than the 2 prompts"),
        (("tram", "one", "two", "--until", "1"), "--until 1 is less than the 2 prompts"),
        (("tram", "one", "--height", "33"), "sampling.height: must divide by 16"),
        (("tram", "one", "--preset", "thickk"), "did you mean 'thick'?"),
        (("tram", "one", "--label", "x"), "'x' is not of the form NAME=VALUE"),
        (("tram", "one", "--image", "none.png"), "--image none.png"),
        (("tram", ""), "prompt: is empty"),
    ],
)
def test_what_is_wrong_is_one_line_and_makes_no_session(
    takes: Takes, words: tuple[str, ...], said: str
) -> None:
    refused = takes.run("roll", *words, "--model", takes.model)
    assert refused.code == 2
    assert refused.err.splitlines()[-1].startswith("error: ")
    assert said in refused.err
    assert takes.longtake("sessions", "list", "--sessions", "sqlite:takes.db").out == ""


def test_pictures_are_of_the_first_segment_that_is_rolled(takes: Takes) -> None:
    import numpy as np
    from PIL import Image

    Image.fromarray(np.full((32, 48, 3), 7, np.uint8)).save("seven.png")
    takes.roll("tram", "one")
    takes.roll("tram", "two", "three", "--first-frame", "seven.png")
    images = [len(each["request"]["inputs"]["images"]) for each in takes.segments("tram")]
    assert images == [0, 1, 0]
    takes.roll("other", "one", "two", "--until", "2", "--first-frame", "seven.png")
    takes.roll("other", "one", "two", "--until", "3", "--first-frame", "seven.png")
    images = [len(each["request"]["inputs"]["images"]) for each in takes.segments("other")]
    assert images == [1, 0, 0]


@pytest.fixture
def clip() -> np.ndarray[Any, Any]:
    """Six pictures in ``clip.mkv``, and a mask of its size; the pictures themselves."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 32, 48, 3), np.uint8)
    Path("clip.mkv").write_bytes(lt.SourceInput.from_frames(pixels, Fraction(24)).data)
    places = np.zeros((32, 48), np.bool_)
    places[:8] = True
    Path("mask.png").write_bytes(lt.MaskInput.from_places(places).data)
    return pixels


def sources(takes: Takes, session_id: str) -> list[dict[str, Any] | None]:
    """Of the segments, what each was made of."""
    return [each["request"]["inputs"].get("source") for each in takes.segments(session_id)]


def lengths(takes: Takes, session_id: str) -> list[Any]:
    return [each["request"]["sampling"]["num_frames"] for each in takes.segments(session_id)]


def test_the_first_segment_is_made_of_a_clip(takes: Takes, clip: np.ndarray[Any, Any]) -> None:
    mask = ("--mask", "mask.png", "--mask-white", "kept", "--strength", "0.5")
    takes.roll("tram", "one", "two", "--source", "clip.mkv", "--pad", "0", "0", "16", "0", *mask)
    first, second = sources(takes, "tram")
    assert first is not None
    assert second is None
    assert (first["pad_bottom"], first["mask"]["white"], first["strength"]) == (16, "kept", 0.5)
    assert lengths(takes, "tram")[0] == len(clip)
    assert lengths(takes, "tram")[1] != len(clip)


def test_a_film_is_remade_segment_by_segment(takes: Takes, clip: np.ndarray[Any, Any]) -> None:
    """Each command takes further pictures of the file."""
    part = ("--source", "clip.mkv", "--mask", "mask.png", "--num-frames", "4")
    takes.roll("tram", "one", *part)
    takes.roll("tram", "two", *part, "--skip-frames", "2")
    first, second = sources(takes, "tram")
    assert first is not None
    assert second is not None
    assert (first["skip_frames"], first["num_frames"]) == (0, 4)
    assert (second["skip_frames"], second["num_frames"]) == (2, None)
    assert lengths(takes, "tram") == [4, 4]
    assert first["mask"] == second["mask"]


def test_with_until_the_clip_is_of_the_sessions_first_segment(
    takes: Takes, clip: np.ndarray[Any, Any]
) -> None:
    takes.roll("tram", "one")
    takes.roll("tram", "one", "--until", "2", "--source", "clip.mkv", "--to", "0.1")
    assert sources(takes, "tram") == [None, None]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--mask", "mask.png"), "--mask has no effect without --source"),
        (("--pad", "0", "0", "0", "0"), "--pad has no effect without --source"),
        (("--skip-frames", "2"), "--skip-frames has no effect without --source"),
        (("--source", "none.mkv"), "none.mkv: cannot be read"),
        (("--source", "clip.mkv", "--mask-white", "kept"), "--mask-white has no effect"),
        (("--source", "clip.mkv", "--skip-frames", "6"), "--skip-frames: is 6"),
        (("--source", "clip.mkv", "--from", "2"), "--from: is too late"),
    ],
)
def test_a_clip_that_does_not_fit_is_refused(
    takes: Takes, clip: np.ndarray[Any, Any], arguments: tuple[str, ...], problem: str
) -> None:
    done = takes.run("roll", "tram", "one", *arguments, "--model", takes.model)
    assert done.code != 0
    assert problem in done.err
