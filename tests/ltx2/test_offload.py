"""Networks off the device until they are needed: when each moves, and that nothing else changes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.loading import placement as placement_module
from longtake_ltx2.loading.placement import Offloading, Resident, placement_on
from longtake_ltx2.recipes import BASE_RECIPE
from tests.ltx2.support import ALL_GUIDANCE, Checkpoints, family
from tests.ltx2.watching import quick

pytest.importorskip("accelerate")

DEVICE = "cpu:0"
"""The same memory as "cpu" by another name, which stands for a GPU here."""

Moves = list[tuple[str, str]]
TEXT_IN: Moves = [("text_encoder", DEVICE), ("connectors", DEVICE)]
TEXT_OUT: Moves = [("text_encoder", "cpu"), ("connectors", "cpu")]
TRANSFORMER: Moves = [("transformer", DEVICE), ("transformer", "cpu")]
SOUND: Moves = [(name, where) for where in (DEVICE, "cpu") for name in ("audio_vae", "vocoder")]
PICTURE: Moves = [("vae", DEVICE), ("vae", "cpu")]


class Recorded:
    """Where networks went since this was last asked."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def moves(self) -> Moves:
        records = [r for r in self._caplog.records if r.name == placement_module.__name__]
        self._caplog.clear()
        return [(str(r.args[0]), str(r.args[1])) for r in records]  # type: ignore[index]


@pytest.fixture
def recorded(caplog: pytest.LogCaptureFixture) -> Recorded:
    caplog.set_level(logging.INFO, logger=placement_module.__name__)
    return Recorded(caplog)


def pipeline(path: Path, *stages: lt.StageSpec, **options: Any) -> lt.Pipeline:
    """A pipeline of the tiny preset with these stages after its own."""
    declared = family()
    preset = declared.preset("ltx2_tiny").evolve(stages=(*BASE_RECIPE, *stages))
    changed = declared.evolve(presets=(preset,))
    return lt.load(path, family=changed, preset="ltx2_tiny", device=DEVICE, **options)


def test_when_each_network_is_on_the_device(tiny: Path, recorded: Recorded) -> None:
    session = lt.Session(pipeline(tiny, offload="component"), stage_overrides=quick())
    assert recorded.moves() == [], "loading moves nothing there"
    session.extend("one")
    assert recorded.moves() == [*TEXT_IN, *TEXT_OUT, *TRANSFORMER, *SOUND, *PICTURE]
    session.extend("two")
    encoded_frames = PICTURE
    assert recorded.moves() == [
        *TEXT_IN, *TEXT_OUT, *encoded_frames, *TRANSFORMER, *SOUND, *PICTURE
    ]  # fmt: skip
    session.extend("two")
    remembered_prompt = recorded.moves()
    assert remembered_prompt == [*encoded_frames, *TRANSFORMER, *SOUND, *PICTURE]
    session.finish()
    assert recorded.moves() == SOUND


def test_both_prompts_need_the_text_encoder_once_on_the_device(
    tiny: Path, recorded: Recorded
) -> None:
    request = lt.GenerationRequest(
        "one", negative_prompt="other", stage_overrides=quick(guidance_scale=3.0)
    )
    pipeline(tiny, offload="component").generate(request)
    assert recorded.moves()[:4] == [*TEXT_IN, *TEXT_OUT]


def fail() -> None:
    raise RuntimeError("on purpose")


def test_a_failed_run_leaves_nothing_on_the_device(tiny: Path, recorded: Recorded) -> None:
    failing = pipeline(tiny, lt.StageSpec("fail", fail), offload="component")
    with pytest.raises(lt.StageError, match="on purpose"):
        failing.generate(lt.GenerationRequest("one", stage_overrides=quick()))
    moves = recorded.moves()
    assert len(moves) == 12
    assert set(dict(moves).values()) == {"cpu"}, "the last move of each is home"


def test_resident_networks_stay(tiny: Path, recorded: Recorded) -> None:
    pipeline(tiny).generate(lt.GenerationRequest("one", stage_overrides=quick()))
    assert recorded.moves() == []


def take(path: Path, **options: Any) -> list[lt.GenerationResult]:
    overrides = {"denoise": {"num_inference_steps": 2, "stg_blocks": [1], **ALL_GUIDANCE}}
    session = lt.Session(pipeline(path, **options), stage_overrides=overrides)
    return [session.extend("one"), session.extend("two"), session.finish()]


@pytest.mark.parametrize("generation", ["2.0", "2.3"])
def test_the_numbers_are_the_same(checkpoints: Checkpoints, generation: Any) -> None:
    path = checkpoints.path(generation)
    for plain, offloaded in zip(take(path), take(path, offload="component"), strict=True):
        np.testing.assert_array_equal(plain.frames, offloaded.frames)
        assert plain.audio is not None
        assert offloaded.audio is not None
        np.testing.assert_array_equal(plain.audio, offloaded.audio)


class Network(torch.nn.Linear):
    def __init__(self) -> None:
        super().__init__(2, 2)


def test_what_a_network_is_called_with_goes_where_it_goes() -> None:
    """The device without memory stands for one where tensors of the other cannot be computed."""
    placement, network = Offloading("meta"), Network()
    placement.add("transformer", network)
    assert str(next(network.parameters()).device) == "cpu"
    assert str(network(torch.ones(1, 2)).device) == "meta"
    assert str(network(input=torch.ones(1, 2)).device) == "meta"


def test_networks_of_a_group_are_there_together(recorded: Recorded) -> None:
    placement = Offloading(DEVICE)
    for name in ("audio_vae", "vocoder", "vae"):
        placement.add(name, Network())
    for name in ("audio_vae", "vocoder", "audio_vae", "vae", "vae"):
        placement.use(name)
    assert recorded.moves() == [*SOUND, ("vae", DEVICE)]
    placement.release()
    placement.release()
    assert recorded.moves() == [("vae", "cpu")]


def test_without_accelerate(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement_module, "find_spec", lambda name: None)
    with pytest.raises(lt.MissingDependencyError, match=r"pip install longtake-ltx2\[offload\]"):
        lt.load(tiny, offload="component", prepare=False)
    assert isinstance(placement_on("cpu", "none"), Resident)
