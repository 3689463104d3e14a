"""The tutorial's extension of LTX-2: its takes stay LTX-2's, with it and without it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import longtake as lt

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
SMALL = lt.Sampling(height=64, width=64, num_frames=17, num_inference_steps=2, seed=7)
PLAIN = "ltx2_distilled"
PLUGINS = ("longtake_ltx2.plugin", "longtake.builtin")


@pytest.fixture
def extended(monkeypatch: pytest.MonkeyPatch) -> Iterator[lt.Registry]:
    """LTX-2 with the package of the tutorial, which is not installed."""
    monkeypatch.syspath_prepend(str(TUTORIALS))
    registry = lt.Registry.of("longtake_marks", *PLUGINS)
    with registry.use():
        yield registry
    for name in [name for name in sys.modules if name.startswith("longtake_marks")]:
        del sys.modules[name]


def roll(
    tiny: Path,
    preset: str,
    state: lt.ContinuationState | None = None,
    *,
    registry: lt.Registry | None = None,
    **options: Any,
) -> lt.GenerationResult:
    output = lt.Output(return_state=True, overlap_frames=9)
    request = lt.GenerationRequest("dusk", sampling=SMALL, output=output, state=state)
    with lt.load(tiny, preset=preset, registry=registry, **options) as pipeline:
        return pipeline.generate(request)


def outside(frames: np.ndarray) -> np.ndarray:
    """Without the corner of the mark."""
    kept = frames.copy()
    kept[:, :16, :16] = 0
    return kept


def test_a_take_goes_plain_extended_plain_bit_for_bit(extended: lt.Registry, tiny: Path) -> None:
    plain: list[lt.GenerationResult] = []
    mixed: list[lt.GenerationResult] = []
    for preset in (PLAIN, "marked", PLAIN):
        plain.append(roll(tiny, PLAIN, plain[-1].state if plain else None))
        mixed.append(roll(tiny, preset, mixed[-1].state if mixed else None))
    assert [each.state.kind for each in mixed if each.state] == ["ltx2.v1"] * 3
    for one, other in zip(plain, mixed, strict=True):
        assert one.state == other.state
        np.testing.assert_array_equal(one.audio, other.audio)
        np.testing.assert_array_equal(outside(one.frames), outside(other.frames))
    np.testing.assert_array_equal(plain[2].frames, mixed[2].frames)
    assert (plain[1].frames != mixed[1].frames).any()


def test_without_the_package_its_takes_go_on(extended: lt.Registry, tiny: Path) -> None:
    state = roll(tiny, "marked_draft").state
    assert state is not None
    without = lt.Registry.of(*PLUGINS)
    assert without.family_for_kind(state.kind).name == "ltx2"
    with pytest.raises(lt.UnknownNameError, match="no preset 'marked'"):
        without.family("ltx2").preset("marked")
    assert len(roll(tiny, PLAIN, state, registry=without).frames) == 8


def test_the_second_decoder_is_in_the_place_of_the_first(extended: lt.Registry, tiny: Path) -> None:
    family = extended.family("ltx2")
    names = [spec.name for spec in family.recipe(family.preset("marked_draft"))]
    own = [spec.name for spec in family.recipe(family.preset(PLAIN))]
    at = own.index("decode_video") + 1
    assert names == [*own[:at], "watermark", *own[at:]]
    draft, full = roll(tiny, "marked_draft"), roll(tiny, "marked")
    assert draft.frames.shape == full.frames.shape
    np.testing.assert_array_equal(draft.frames[:, :16, :16], full.frames[:, :16, :16])
    assert (outside(draft.frames) != outside(full.frames)).any()
    blocks = outside(draft.frames)[0, 32:64, 32:64]  # one latent is 32 pixels on a side
    assert (blocks == blocks[0, 0]).all()


def test_options_and_the_command(extended: lt.Registry, tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "mark.npy"
    np.save(file, np.full((4, 4), 77, np.uint8))
    marked = roll(tiny, "marked", watermark_file=str(file))
    assert (marked.frames[:, :4, :4] == 77).all()
    with pytest.raises(lt.ValidationError, match="watermark_file: cannot be read"):
        roll(tiny, "marked", watermark_file=str(tmp_path / "none.npy"))
    with pytest.raises(lt.ValidationError, match="which preset 'ltx2_distilled' does not use"):
        roll(tiny, PLAIN, watermark_file=str(file))
    names = [provided.value.name for provided in extended.commands]
    from longtake_marks.command import mark  # type: ignore[import-not-found]

    assert "mark" in names
    assert CliRunner().invoke(mark).output == "watermark: ['opacity']\n"
