"""Audio latents to samples: how many, which ones, and what is held back."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.clock import TakeClock, first_segment, next_segment
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.sound import SoundDecoder, sound_start
from longtake_ltx2.tiny import Generation
from tests.ltx2.inputs import asked
from tests.ltx2.support import Checkpoints, networks
from tests.ltx2.watching import Watched, quick

FPS = Fraction(24)


@pytest.fixture(scope="module", params=["2.0", "2.3"])
def decoder(request: Any, checkpoints: Checkpoints) -> SoundDecoder:
    components = Watched(checkpoints.path(request.param), prepare=False).components
    return SoundDecoder(components["audio_vae"], components["vocoder"])


def latents(count: int) -> torch.Tensor:
    return torch.randn(1, 2, count, 3, generator=torch.Generator().manual_seed(0))


def decode(decoder: SoundDecoder, values: torch.Tensor) -> np.ndarray[Any, Any]:
    with torch.no_grad():
        return decoder.decode(values)


def test_rates_and_hold_back(decoder: SoundDecoder) -> None:
    extended = decoder.sample_rate == 48_000
    assert decoder.sample_rate in (24_000, 48_000)
    seconds = Fraction(decoder.hold_back, decoder.sample_rate)
    assert seconds == Fraction(52 if extended else 18, 100)
    assert seconds >= Fraction(5164 if extended else 1782, 10_000)


@pytest.mark.parametrize("count", [1, 2, 26, 60])
def test_sample_count(decoder: SoundDecoder, count: int) -> None:
    samples = decode(decoder, latents(count))
    assert samples.shape == (2, (4 * count - 3) * decoder.sample_rate // 100)
    assert samples.dtype == np.float32


def test_a_slice_of_the_take(decoder: SoundDecoder) -> None:
    """The latents [60, 100) of a take, and its samples behind what the decoders look back."""
    whole, hop = decode(decoder, latents(100)), decoder.sample_rate // 100
    start, stop = (4 * 99 - 3) * hop - 30 * hop, (4 * 100 - 3) * hop
    with torch.no_grad():
        part = decoder.between(latents(100)[:, :, 30:], 100, start, stop)
    assert part.shape == (2, stop - start)
    assert np.abs(part - whole[:, start:stop]).max() < 1e-6
    assert part.flags.c_contiguous


@pytest.mark.parametrize("known", [20, 100])
def test_a_slice_is_that_of_the_whole_wherever_it_lies(decoder: SoundDecoder, known: int) -> None:
    whole = decode(decoder, latents(known))
    for length, ahead in ((1, 0), (1, 7), (1000, 15_000), (30_000, 7)):
        stop = whole.shape[1] - ahead
        start = max(0, stop - length)
        with torch.no_grad():
            part = decoder.between(latents(known), known, start, stop)
        assert np.abs(part - whole[:, start:stop]).max() < 1e-6


def test_only_what_new_sound_needs_is_decoded(decoder: SoundDecoder) -> None:
    """A segment of 121 frames, 9 of them repeated, that 64 latents were carried to.

    117 latents are new. They are decoded with as many before them as the join needs, and the
    vocoder sees their mel frames, those held back before, and what it looks back.
    """
    timing = decoder.timing
    start = (4 * 64 - 3) * timing.hop - timing.hold_back
    stop = (4 * 181 - 3) * timing.hop - timing.hold_back
    seen: dict[str, int] = {}
    networks = {"latents": decoder.audio_vae.decoder, "mel frames": decoder.vocoder}
    hooks = [
        network.register_forward_pre_hook(
            lambda module, given, name=name: seen.update({name: given[0].shape[2]})
        )
        for name, network in networks.items()
    ]
    with torch.no_grad():
        decoder.between(latents(181), 181, start, stop)
    for hook in hooks:
        hook.remove()
    extended = decoder.sample_rate == 48_000
    assert seen == {
        "latents": 117 + (61 if extended else 43),
        "mel frames": 4 * 117 + timing.look_ahead + timing.look_back,
    }


def test_no_sound_is_decoded_where_none_is_new(decoder: SoundDecoder) -> None:
    assert decoder.between(latents(9), 9, 500, 500).shape == (2, 0)


def test_what_comes_later_changes_no_more_than_the_hold_back(decoder: SoundDecoder) -> None:
    values, other = latents(80), latents(80).clone()
    other[:, :, 70:] *= -1
    settled = (4 * 70 - 3) * decoder.sample_rate // 100 - decoder.hold_back
    one, two = decode(decoder, values), decode(decoder, other)
    assert np.abs(one[:, :settled] - two[:, :settled]).max() < 1e-6
    assert np.abs(one[:, settled:] - two[:, settled:]).max() > 1e-3


def test_where_new_sound_starts() -> None:
    assert sound_start(first_segment(25, FPS), 24_000) == 0
    clock = TakeClock(113, FPS, 118, 99_000)
    assert sound_start(next_segment(clock, 25, 9), 24_000) == 99_000
    unknown = next_segment(TakeClock(113, FPS, 118), 25, 9)
    assert sound_start(unknown, 24_000) == (4 * 118 - 3) * 240


@pytest.mark.parametrize(
    ("state", "path"),
    [
        (LTX2ContinuationState(audio_sample_rate=16_000), "audio_sample_rate"),
        (LTX2ContinuationState(audio_latents=torch.zeros(2, 2, 9, 3)), "audio"),
        (LTX2ContinuationState(audio_latents=torch.zeros(1, 8, 9, 3)), "audio"),
        (LTX2ContinuationState(audio_latents=torch.zeros(1, 2, 9, 16)), "audio"),
    ],
)
def test_another_models_sound_is_refused(
    decoder: SoundDecoder, state: LTX2ContinuationState, path: str
) -> None:
    with pytest.raises(lt.ValidationError) as caught:
        decoder.check(state)
    assert caught.value.path == f"state.payload.{path}"
    decoder.check(None)
    decoder.check(LTX2ContinuationState(audio_latents=torch.zeros(1, 2, 9, 3)))


@pytest.mark.parametrize(("start", "fits"), [(0, False), (40, True), (397, True), (398, False)])
def test_sound_goes_on_where_latents_are_known(
    decoder: SoundDecoder, start: int, fits: bool
) -> None:
    hop = decoder.sample_rate // 100
    if fits:
        decoder.check_start(start * hop, 10, 100)
        return
    with pytest.raises(lt.ValidationError) as caught:
        decoder.check_start(start * hop, 10, 100)
    assert caught.value.path == "state.payload.metadata.longtake.clock.samples"


@pytest.mark.parametrize("generation", ["2.0", "2.3"])
def test_a_sound_given_for_the_whole_segment_is_what_comes_out(
    checkpoints: Checkpoints, generation: Generation
) -> None:
    path = checkpoints.path(generation)
    rate = networks(path)["vocoder"].config.output_sampling_rate
    with lt.load(path) as pipeline:
        tones = np.sin(np.outer([440, 660], np.arange(2 * rate) * 2 * np.pi / rate))
        given = (0.5 * tones).astype(np.float32)
        inputs = lt.Inputs(audio=lt.AudioInput.from_samples(given, rate))
        alone = pipeline.generate(asked(inputs=inputs))
        session = lt.Session(pipeline)
        first = session.extend("one", inputs=inputs, stage_overrides=quick())
        second = session.extend("two", stage_overrides=quick())
    assert alone.audio is not None and first.audio is not None and second.audio is not None
    assert alone.audio.shape[1] == round(25 / 24 * rate)
    assert np.array_equal(alone.audio, given[:, : alone.audio.shape[1]])
    assert first.audio.shape[1] == (4 * 26 - 3) * (rate // 100)
    assert np.array_equal(first.audio, given[:, : first.audio.shape[1]])
    assert second.first_sample == first.audio.shape[1]


def test_a_sound_given_in_part_is_made_around(tiny: Path) -> None:
    given = np.zeros((2, 12_000), np.float32)
    given[:, ::50] = 0.5
    with lt.load(tiny) as pipeline:
        inputs = lt.Inputs(audio=lt.AudioInput.from_samples(given, 24_000))
        result = pipeline.generate(asked(inputs=inputs))
    assert result.audio is not None and result.audio.shape[1] == (4 * 26 - 3) * 240
    assert not np.array_equal(result.audio[:, :12_000], given)
