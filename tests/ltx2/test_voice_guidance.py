"""Guidance towards a voice: away from what the same step makes without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from tests.ltx2.support import probed_passes, relative_error
from tests.ltx2.test_dub import spoken
from tests.ltx2.watching import Watched, quick

SIZE = lt.Sampling(height=64, width=96, num_frames=17, fps=26, seed=3)
"""16 audio latents, whose noise stays the same when a voice's is drawn behind it: torch draws
normal numbers by 16, and the last ones anew."""
AT_ONCE = [1.0, 0.0]
"""One step, so that what is made is what was predicted."""


def asked(voice: lt.VoiceInput | None, **options: Any) -> lt.GenerationRequest:
    inputs = lt.Inputs(voice=voice)
    overrides = quick(**{"sigmas": AT_ONCE, **options})
    return lt.GenerationRequest("a bell", sampling=SIZE, inputs=inputs, stage_overrides=overrides)


@pytest.mark.parametrize("forward", ["exact", "plain"])
def test_it_leads_away_from_what_is_made_without_the_voice(tiny: Path, forward: str) -> None:
    pipeline, probe = probed_passes(tiny, "ltx2_base", forward=forward)
    with pipeline:
        for voice, scale in ((spoken(), 0.0), (None, 0.0), (spoken(), 3.0), (spoken(), -0.5)):
            pipeline.generate(asked(voice, voice_scale=scale))
    with_voice, without, towards, away = probe.clean
    for stream in ("video", "audio"):
        p, v = getattr(with_voice, stream), getattr(without, stream)
        assert relative_error(p, v) > 1e-3
        assert relative_error(p + 3 * (p - v), getattr(towards, stream)) < 2e-6
        assert relative_error(p - 0.5 * (p - v), getattr(away, stream)) < 2e-6


def test_it_counts_where_its_level_says_and_costs_a_pass_there(tiny: Path) -> None:
    watched = Watched(tiny, preset="ltx2_base")
    some = [{"up_to": 0.6}, {"up_to": 1.0, "voice_scale": 3.0}]
    with watched.pipeline as pipeline:
        for levels, passes in (([], 3), (some, 5)):
            options = {"sigmas": [1.0, 0.8, 0.5, 0.0], "guidance_levels": levels}
            with watched.counted() as forwards:
                pipeline.generate(asked(spoken(), **options))
            assert forwards["transformer"] == passes


@pytest.mark.parametrize(
    "options", [{"voice_scale": 3.0}, {"guidance_levels": [{"up_to": 1.0, "voice_scale": 1.0}]}]
)
def test_without_a_voice_it_is_refused(tiny: Path, options: dict[str, Any]) -> None:
    refused = pytest.raises(lt.ValidationError, match=r"give inputs\.voice")
    with lt.load(tiny, preset="ltx2_base") as pipeline, refused as caught:
        pipeline.generate(asked(None, **options))
    assert caught.value.path == "stage_overrides.denoise.voice_scale"
