"""``longtake enhance``, and takes whose prompts are rewritten first."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from attrs import frozen

import longtake as lt
from longtake.media.reader import read_take
from longtake.plugins.loading import Plugin
from longtake.takes.notes import read_take_record
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.commands.test_generate import assert_same_take
from tests.sdk.cli.toy_family import DEFAULTS, FOG, FogState

WORDS: list[str] = []
"""What was rewritten."""


@frozen(kw_only=True)
class Rewording:
    enhance_prompt: bool = False
    ending: str = "!"


def reword(job: lt.Job, inputs: lt.DecodedInputs, options: Rewording, run: lt.Run) -> lt.UsedPrompt:
    if not options.enhance_prompt:
        return lt.UsedPrompt(job.prompt)
    WORDS.append(job.prompt)
    seen = " with a picture" if job.inputs.images else ""
    return lt.UsedPrompt(f"{job.prompt} of {run.seed}{seen}{options.ending}")


class Paint:
    def __call__(
        self, job: lt.Job, used: lt.UsedPrompt, state: FogState | None
    ) -> tuple[lt.Frames, lt.Waveform, FogState]:
        size = (job.sampling.num_frames, job.sampling.height, job.sampling.width, 3)
        frames = np.random.default_rng(list(used.text.encode())).integers(0, 256, size, np.uint8)
        sound = np.zeros((1, round(size[0] * 24000 / job.sampling.fps)), np.float32)
        after = FogState(job.segment_index, len(used.text), *size[1:3])
        return lt.Frames(frames), lt.Waveform(sound, 24000), after


WORDY = FOG.evolve(
    name="wordy",
    stages=(lt.StageSpec("reword", reword, options=Rewording), lt.StageSpec("paint", Paint)),
    finish=(),
    load=None,
    example=None,
    recognise=None,
)


@pytest.fixture
def wordy(longtake: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    registry = lt.Registry(
        [Plugin("words", "longtake-words", "1", "loaded", families=(WORDY, FOG))]
    )
    monkeypatch.setattr(lt.Registry, "default", lambda: registry)
    WORDS.clear()
    return longtake


def test_the_prompt_alone_is_printed(wordy: Command) -> None:
    chosen = ("--family", "wordy", "--set", "reword.ending=.")
    assert wordy("enhance", "fog", "--seed", "7", *chosen).out == "fog of 7.\n"


def test_a_family_without_a_stage_for_it(wordy: Command) -> None:
    done = wordy("enhance", "fog", "--family", "fog", "--model", "tiny:random")
    assert done.code != 0
    assert "sampling.enhance_prompt: no stage of this recipe has such an option" in done.err
    with pytest.raises(lt.ValidationError) as caught:
        lt.Pipeline(FOG).check(lt.GenerationRequest("a", sampling=lt.Sampling(enhance_prompt=True)))
    assert caught.value.path == "sampling.enhance_prompt"


SMALL = ("--family", "wordy", "--num-frames", "6", "--height", "16")


@pytest.mark.parametrize("option", [("--enhance",), ("--set", "reword.enhance_prompt=true")])
def test_a_take_says_both_prompts_and_is_made_again_by_the_used_ones(
    wordy: Command, option: tuple[str, ...]
) -> None:
    assert wordy("generate", "dawn", "dusk", "-o", "t.mkv", *SMALL, *option).code == 0
    segments = read_take_record("t.mkv").segments
    assert [segment.prompt for segment in segments] == ["dawn", "dusk"]
    assert [segment.used_prompt for segment in segments] == [
        f"{segment.prompt} of {segment.seed}!" for segment in segments
    ]
    assert f"rewritten to: dawn of {segments[0].seed}!" in wordy("inspect", "t.mkv").out
    WORDS.clear()
    done = wordy("again", "t.mkv")
    assert done.code == 0, done.err
    assert WORDS == []
    assert_same_take(read_take("t.mkv"), read_take("t-again.mkv"))


def test_a_take_that_is_gone_on_with_has_its_own_prompts(wordy: Command) -> None:
    """What was rewritten is not taken for what was asked for."""
    command = ("generate", "dawn", "-o", "t.mkv", *SMALL, "--enhance", "--save-state", "s.json")
    assert wordy(*command).code == 0
    again = wordy("generate", "dawn", "dusk", *command[2:], "--resume")
    assert again.code == 0, again.err
    assert [s.prompt for s in read_take_record("t.mkv").segments] == ["dawn", "dusk"]


def test_without_it_nothing_is_rewritten(wordy: Command) -> None:
    assert wordy("generate", "dawn", "-o", "t.mkv", *SMALL).code == 0
    (segment,) = read_take_record("t.mkv").segments
    assert (segment.prompt, segment.used_prompt) == ("dawn", None)
    assert json.loads(wordy("inspect", "t.mkv", "--json").out)["segments"][0]["used_prompt"] is None
    assert WORDS == []


def test_of_a_pipeline() -> None:
    built: list[int] = []

    class Late(Paint):
        def __init__(self) -> None:
            built.append(1)

    family = WORDY.evolve(stages=(*WORDY.stages[:1], lt.StageSpec("paint", Late)))
    pipeline = lt.Pipeline(family)
    assert pipeline.enhance("fog") == f"fog of {DEFAULTS['seed']}!"
    assert built == [], "no later stage is built"
    plain, enhanced = (
        pipeline.generate(lt.GenerationRequest("fog", sampling=lt.Sampling(enhance_prompt=wanted)))
        for wanted in (False, True)
    )
    assert (plain.prompt, enhanced.prompt) == ("fog", pipeline.enhance("fog"))
    assert not np.array_equal(plain.frames, enhanced.frames)
    cancelled: Callable[[], bool] = lambda: True  # noqa: E731
    with pytest.raises(lt.Cancelled):
        pipeline.enhance("fog", cancel=cancelled)


def test_an_option_of_a_stage_that_makes_no_prompt() -> None:
    def silent(options: Rewording) -> None: ...

    family = WORDY.evolve(stages=(lt.StageSpec("silent", silent, options=Rewording),))
    with pytest.raises(lt.WiringError, match="makes no UsedPrompt"):
        lt.Pipeline(family).enhance("fog")
