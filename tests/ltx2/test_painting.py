"""A clip that is painted over: its pixels, byte by byte, and what of it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import longtake as lt
from longtake.cli import main
from longtake_ltx2.clock import first_segment
from longtake_ltx2.conditioning.painting import PAINT, PaintedSource, requested_painting
from longtake_ltx2.tiny.lora import write_tiny_lora
from longtake_ltx2.values import Geometry
from tests.ltx2.official_painting import grown
from tests.ltx2.support import LatentProbe, moving_frames, probed_passes

FRAMES = np.stack(moving_frames(17, 128, 128))
PIXELS = np.random.default_rng(0).integers(0, 256, (17, 64, 96, 3), np.uint8)
GREY = np.random.default_rng(1).integers(17, 239, (64, 96), np.uint8)
SIZE = lt.Sampling(height=128, width=128, num_frames=17, num_inference_steps=2)


def grey_mask(values: np.ndarray[Any, Any], **said: Any) -> lt.MaskInput:
    shown = np.repeat(values[..., None], 3, axis=-1)
    return lt.MaskInput(lt.ImageInput.from_pixels(shown).data, **said)


def painting(source: lt.SourceInput) -> PaintedSource:
    sampling = attrs.evolve(lt.Job.example().sampling, num_frames=17, fps=Fraction(24))
    job = attrs.evolve(lt.Job.example(), inputs=lt.Inputs(source=source), sampling=sampling)
    found = requested_painting(job, lt.DecodedInputs(job.inputs))
    assert found is not None
    return found


def painted(
    source: lt.SourceInput, growth: int = 0, size: tuple[int, int] = (64, 96)
) -> np.ndarray[Any, Any]:
    geometry = Geometry(*size, first_segment(17, Fraction(24)))
    return painting(source).reference(geometry, growth, "cpu").pixels


def clip(**said: Any) -> lt.SourceInput:
    return lt.SourceInput.from_frames(PIXELS, Fraction(24), **said)


def over(pixels: Any, share: Any) -> Any:
    """By whole numbers alone: ``((255 - m) p + m c) / 255``, rounded; there are no ties."""
    mask = share.astype(np.int64)[..., None]
    mixed = (255 - mask) * pixels + mask * np.array([0x66, 0xFF, 0x00])
    return ((2 * mixed + 255) // 510).astype(np.uint8)


def test_the_colour_is_that_of_the_lora() -> None:
    assert bytes(PAINT).hex() == "66ff00"


@pytest.mark.parametrize("growth", [0, 1, 5])
def test_places_are_painted_as_much_as_the_mask_is_white(growth: int) -> None:
    found = painted(clip(mask=grey_mask(GREY)), growth)
    assert np.array_equal(found, over(PIXELS, grown(GREY, growth)))


def test_what_is_kept_may_be_white() -> None:
    found = painted(clip(mask=grey_mask(GREY, white="kept")))
    assert np.array_equal(found, over(PIXELS, 255 - GREY))


def test_what_is_nearly_black_or_white_is_that() -> None:
    nearly = np.zeros((64, 96), np.uint8)
    nearly[:16], nearly[16:32], nearly[32:48], nearly[48:] = 16, 17, 238, 239
    found = painted(clip(mask=grey_mask(nearly)))
    decided = np.where(nearly == 16, 0, np.where(nearly == 239, 255, nearly))
    assert np.array_equal(found, over(PIXELS, decided))
    assert np.array_equal(found[:, :16], PIXELS[:, :16])


def test_a_mask_that_moves_paints_each_frame() -> None:
    places = np.random.default_rng(2).random((17, 64, 96)) > 0.9
    found = painted(clip(mask=lt.MaskInput.from_places(places)), 2)
    expected = [over(*each) for each in zip(PIXELS, grown_each(places, 2), strict=True)]
    assert np.array_equal(found, np.stack(expected))


def grown_each(places: Any, pixels: int) -> Iterator[Any]:
    for each in places:
        yield grown(each.astype(np.uint8) * 255, pixels)


def test_a_mask_counts_at_its_times() -> None:
    """Frames 4 to 9 touch the time from 0.2 to 0.4 seconds."""
    source = clip(mask=grey_mask(GREY), remake_from=0.2, remake_to=0.4)
    found = painted(source)
    assert np.array_equal(found[4:10], over(PIXELS[4:10], GREY))
    assert np.array_equal(np.delete(found, range(4, 10), 0), np.delete(PIXELS, range(4, 10), 0))


def test_padding_is_painted_and_does_not_grow() -> None:
    found = painted(clip(pad_left=32, pad_top=8), 5, (72, 128))
    expected = np.empty((17, 72, 128, 3), np.uint8)
    expected[:] = PAINT
    expected[:, 8:, 32:] = PIXELS
    assert np.array_equal(found, expected)


def test_beside_a_mask_both_are_painted() -> None:
    mask = grey_mask(np.where(np.arange(96) == 10, 255, 0).astype(np.uint8)[None].repeat(64, 0))
    found = painted(clip(mask=mask, pad_right=32), 3, (64, 128))
    green = (found == PAINT).all((0, 1, 3))
    assert np.flatnonzero(green).tolist() == [*range(7, 14), *range(96, 128)]


def test_another_size_is_covered_as_pictures_are() -> None:
    """Half as large: each place has the mean of four, which makes the mask's edge soft."""
    mask = np.zeros((64, 96), np.uint8)
    mask[:33] = 255
    found = painted(clip(mask=grey_mask(mask)), 0, (32, 48))
    small = PIXELS.reshape(17, 32, 2, 48, 2, 3).mean((2, 4))
    share = np.repeat([1.0, 0.5, 0.0], [16, 1, 15])[:, None, None]
    assert np.array_equal(found, np.rint((1 - share) * small + share * np.array(PAINT)))


@pytest.fixture(scope="module")
def inpainting(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[lt.Pipeline, LatentProbe]]:
    """Its LoRA says of the clip that one of two frames counts."""
    said = {"reference_temporal_scale_factor": "2"}
    lora = tmp_path_factory.mktemp("lora") / "lora.safetensors"
    write_tiny_lora(lora, tiny, metadata=said)
    pipeline, probe = probed_passes(tiny, "ltx2_inpaint", lora_path=str(lora))
    yield pipeline, probe
    pipeline.close()


def asked(source: lt.SourceInput | None, **fields: Any) -> lt.GenerationRequest:
    given = {"sampling": SIZE, "inputs": lt.Inputs(source=source), **fields}
    return lt.GenerationRequest("a bell", **given)


def source(count: int = 17, *, masked: bool = True, **said: Any) -> lt.SourceInput:
    places = np.zeros((128, 128), np.bool_)
    places[110:, 110:] = True
    mask = {"mask": lt.MaskInput.from_places(places)} if masked else {}
    sound = np.random.default_rng(3).uniform(-0.5, 0.5, (2, 24_000)).astype(np.float32)
    return lt.SourceInput.from_frames(
        FRAMES[:count], Fraction(24), sound, 24_000, **{**mask, **said}
    )


NARROW = {"blend": {"mask_growth": 0, "margin": 0.0}}


def test_the_first_pass_follows_it_and_the_clip_is_shown_where_nothing_is_made(
    inpainting: tuple[lt.Pipeline, LatentProbe],
) -> None:
    pipeline, probe = inpainting
    result = pipeline.generate(asked(source(strength=0.75), stage_overrides=NARROW))
    first, second = probe.noisy[-2:]
    own, added = 3 * 4, 2 * 4
    assert first.video.denoise_mask[0, :, 0].tolist() == [1] * own + [0.25] * added
    assert second.video.latents.shape[1] == 3 * 16
    assert second.video.is_unconditioned
    assert first.audio.is_frozen
    assert second.audio.is_frozen
    assert result.audio is not None
    whole = source().samples(24_000)
    assert whole is not None
    assert np.array_equal(result.audio, whole[:, : result.audio.shape[1]])
    assert np.array_equal(result.frames[:, :50, :50], FRAMES[:, :50, :50])
    assert (result.frames[:, 110:, 110:] != FRAMES[:, 110:, 110:]).mean() > 0.5


def test_how_much_further_it_is_shown(inpainting: tuple[lt.Pipeline, LatentProbe]) -> None:
    """What the networks make is the same."""
    pipeline, _ = inpainting
    changed = []
    for margin in (0.0, 0.2, 0.5):
        blend = {"blend": {"mask_growth": 0, "margin": margin}}
        frames = pipeline.generate(asked(source(), stage_overrides=blend)).frames
        changed.append((frames != FRAMES).mean())
    assert changed[0] < changed[1] < changed[2]


def test_a_film_is_inpainted_segment_by_segment(
    inpainting: tuple[lt.Pipeline, LatentProbe],
) -> None:
    """The clip lies over the frames that a segment repeats, as those of the clip do."""
    pipeline, probe = inpainting
    film = np.stack(moving_frames(25, 128, 128))
    sound = np.random.default_rng(3).uniform(-0.5, 0.5, (2, 25_000)).astype(np.float32)
    data = lt.SourceInput.from_frames(film, Fraction(24), sound, 24_000).data
    whole = attrs.evolve(source(), data=data)
    output = lt.Output(last=False, return_state=True)
    first = pipeline.generate(
        asked(attrs.evolve(whole, num_frames=17), stage_overrides=NARROW, output=output)
    )
    second = pipeline.generate(
        asked(
            attrs.evolve(whole, skip_frames=8),
            stage_overrides=NARROW,
            output=lt.Output(last=True),
            state=first.state,
        )
    )
    assert probe.noisy[-2].video.latents.shape[1] == 3 * 4 + 2 * 4
    shown = np.concatenate([first.frames, second.frames])
    assert np.array_equal(shown[:, :50, :50], film[:, :50, :50])
    assert first.audio is not None
    assert second.audio is not None
    heard = np.concatenate([first.audio, second.audio], axis=1)
    assert np.abs(heard - sound[:, : heard.shape[1]]).max() < 1e-6


def test_the_state_has_frames_as_they_are_shown(
    inpainting: tuple[lt.Pipeline, LatentProbe],
) -> None:
    from longtake_ltx2.continuation import LTX2ContinuationState

    pipeline, _ = inpainting
    output = lt.Output(last=False, return_state=True)
    result = pipeline.generate(asked(source(), stage_overrides=NARROW, output=output))
    assert result.state is not None
    carried = LTX2ContinuationState.from_continuation_state(result.state).video_frames
    assert carried is not None
    assert np.array_equal(np.stack(carried), result.frames[-len(carried) :])


def test_one_pass_paints_at_full_size(tiny: Path) -> None:
    off = {"refine": {"enabled": False}}
    pipeline, probe = probed_passes(tiny, "ltx2_inpaint", preset_overrides=off)
    with pipeline:
        frames = pipeline.generate(asked(source(), stage_overrides=NARROW)).frames
    assert [each.video.latents.shape[1] for each in probe.noisy] == [2 * 3 * 16]
    assert np.array_equal(frames[:, :50, :50], FRAMES[:, :50, :50])


@pytest.mark.parametrize(
    ("path", "given", "fields"),
    [
        ("inputs.source", None, {}),
        ("inputs.source.mask", source(masked=False), {}),
        ("inputs.source.mask", source(masked=False, remake_to=0.3), {}),
        ("inputs.source.mask.data", source(mask=grey_mask(np.full((128, 128), 16, np.uint8))), {}),
        ("inputs.source.data", source(9), {}),
        ("inputs.source.num_frames", source(num_frames=9), {}),
        ("inputs.source.frame", source(9, frame=8), {}),
        ("inputs.source.remake_from", source(remake_from=2.0), {}),
        ("inputs.source.data", source(), {"sampling": attrs.evolve(SIZE, num_frames=25)}),
        ("sampling.height", source(), {"sampling": attrs.evolve(SIZE, height=96)}),
        ("stage_overrides.refine.num_inference_steps", source(), {"refine": 3}),
        ("stage_overrides.blend.mask_growth", source(), {"blend": -1}),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_runs(
    inpainting: tuple[lt.Pipeline, LatentProbe],
    path: str,
    given: lt.SourceInput | None,
    fields: dict[str, Any],
) -> None:
    pipeline, probe = inpainting
    before, said = len(probe.noisy), dict(fields)
    overrides = {}
    if "refine" in said:
        overrides["refine"] = {"num_inference_steps": said.pop("refine")}
    if "blend" in said:
        overrides["blend"] = {"mask_growth": said.pop("blend")}
    with pytest.raises(lt.ValidationError) as caught:
        pipeline.generate(asked(given, stage_overrides=overrides, **said))
    assert caught.value.path == path
    assert len(probe.noisy) == before


def test_how_long_a_clip_is_must_fit_the_lora(
    inpainting: tuple[lt.Pipeline, LatentProbe],
) -> None:
    """Of each two frames one is left out: 16 k + 1."""
    pipeline, _ = inpainting
    short = attrs.evolve(SIZE, num_frames=9)
    with pytest.raises(lt.ValidationError, match="16k") as caught:
        pipeline.generate(asked(source(9), sampling=short))
    assert caught.value.path == "inputs.source.data"


def test_the_command_says_which_option_is_missing(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clip.mkv").write_bytes(source().data)
    command = ["retake", str(tmp_path / "clip.mkv"), "a bell", "--to", "0.3"]
    output = ["-o", str(tmp_path / "take.mkv")]
    assert main([*command, "--model", str(tiny), "--preset", "ltx2_inpaint", *output]) == 2
    assert "--mask: is missing" in capsys.readouterr().err
    assert not (tmp_path / "take.mkv").exists()


def test_what_is_made_is_shown_where_it_was_painted_and_a_little_further() -> None:
    """A margin of 6/64 of 96 pixels is nine, and fades over a cell of one and a half."""
    place = np.zeros((64, 96), np.uint8)
    place[32, 40] = 255
    found = painting(clip(mask=grey_mask(place), pad_bottom=32))
    some, size = slice(0, 1), (96, 96)

    def across(row: int, **said: Any) -> list[float]:
        shown = found.remade(some, *size, growth=3, device="cpu", **said)
        values: list[float] = shown[0, 0, row].tolist()
        return values

    narrow = [1.0 if 37 <= column <= 43 else 0.0 for column in range(96)]
    assert across(32, margin=0.0) == narrow
    wide = across(32, margin=None)
    assert set(wide[37 - 9 : 44 + 9]) == {1.0}
    assert set(wide[: 37 - 13]) == set(wide[44 + 13 :]) == {0.0}
    assert across(70, margin=0.0) == [1.0] * 96
    assert across(61, margin=0.0) == [0.0] * 96
    assert across(61, margin=None) == pytest.approx([1.0] * 96), "2/64 are three rows"
    assert across(55, margin=None) == [0.0] * 96
