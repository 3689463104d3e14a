"""``longtake plan``: what a take will need, for people and for programs, on a toy family."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import longtake as lt
from longtake.cli import main
from longtake.plugins.loading import Plugin
from tests.sdk.cli.cli_support import Command, Outcome
from tests.sdk.cli.toy_family import DUST, FOG


def estimate_fog(request: lt.EstimateRequest) -> lt.RunEstimate:
    """One pixel is one byte and one FLOP; the fog's own checkpoint is one KiB."""
    assert request.path is not None
    assert (request.path / "fog.txt").exists()
    sampling = request.job.sampling
    if sampling.height % 16:
        raise lt.ValidationError("sampling.height", "must divide by 16")
    pixels = sampling.num_frames * sampling.height * sampling.width
    shape = (sampling.num_frames, sampling.height, sampling.width)
    options = request.stage_options["draw"]
    stage = lt.StageEstimate(
        name="draw",
        kind="Draw",
        values=[lt.ValueEstimate("Frames.pixels", shape, "uint8", pixels)],
        steps=options.num_inference_steps,
        passes=[lt.PassEstimate("wisp", pixels)],
        weight_bytes=1024,
        peak_bytes=1024 + pixels,
    )
    segment = lt.SegmentEstimate([stage], sampling.num_frames)
    return lt.RunEstimate([segment] * request.segments, 1024, (f"on {request.device}",))


@pytest.fixture
def longtake(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line with a family that can tell and one that cannot."""
    families = (FOG.evolve(estimate=estimate_fog), DUST)
    registry = lt.Registry([Plugin("toys", "longtake-toys", "1.2", "loaded", families=families)])
    monkeypatch.setattr(lt.Registry, "default", lambda: registry)

    def run(*argv: str) -> Outcome:
        capsys.readouterr()
        code = main(argv)
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run


def test_json_has_every_number(longtake: Command, model: str) -> None:
    done = longtake("plan", "--model", model, "--segments", "2", "--steps", "3", "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert (found["family"], found["preset"], found["fps"]) == ("fog", "thin", "24")
    pixels = 4 * 32 * 48
    assert found["flops"] == 2 * 3 * pixels
    assert (found["weight_bytes"], found["peak_bytes"]) == (1024, 1024 + pixels)
    (stage,) = found["segments"][1]["stages"]
    assert stage["passes"] == [{"name": "wisp", "flops": pixels}]
    assert (stage["steps"], stage["passes_per_step"]) == (3, 1)
    (value,) = stage["values"]
    assert value == {
        "name": "Frames.pixels",
        "shape": [4, 32, 48],
        "dtype": "uint8",
        "num_bytes": pixels,
    }


def test_the_table_has_units_and_totals(longtake: Command, model: str) -> None:
    done = longtake("plan", "--model", model, "--segments", "5", "--num-frames", "400")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[0] == "needs 601.00 KiB at the peak"
    assert "fog, preset thin: 32x48, 400 frames at 24 per second, 5 segments" in lines
    assert "draw 2 1: wisp 1.23 MFLOP 1.00 KiB - 601.00 KiB" in lines
    assert "draw Frames.pixels 400x32x48 uint8 600.00 KiB" in lines
    assert "segments 2 to 5 1600 4.92 MFLOP 601.00 KiB" in lines
    assert "take 2000 6.14 MFLOP 601.00 KiB" in lines
    assert lines[-1] == "note: on None"


def test_options_of_the_request_count(longtake: Command, model: str) -> None:
    plan = ("plan", "--model", model, "--json", "--set", "draw.num_inference_steps=7")
    found = json.loads(longtake(*plan, "--width", "16", "--preset", "thin@1").out)
    assert (found["preset"], found["width"]) == ("thin@1", 16)
    assert found["segments"][0]["stages"][0]["steps"] == 7


def test_without_a_model_the_example_is_meant(longtake: Command) -> None:
    done = longtake("plan", "--json")
    assert done.code == 0
    assert "tiny example of fog" in done.err
    assert json.loads(done.out)["flops"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--family", "dust"], "family 'dust' does not say what a take will need"),
        (["--height", "33"], "sampling.height"),
        (["--preset", "nope"], "nope"),
        (["--set", "draw.nope=1"], "stage_overrides.draw.nope"),
        (["--numerics", "other"], "numerics"),
        (["--segments", "0"], "--segments"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    longtake: Command, model: str, arguments: list[str], said: str
) -> None:
    where = [] if "--family" in arguments else ["--model", model]
    done = longtake("plan", *where, *arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_nothing_of_the_example_is_left(
    longtake: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert longtake("plan").code == 0
    assert list(tmp_path.iterdir()) == []


def test_a_derived_family_that_is_named_is_used_with_its_own_preset(
    longtake: Command, model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = FOG.evolve(
        name="mine", estimate=estimate_fog, presets=(FOG.presets[0].evolve(name="own"),)
    )
    toys = Plugin("toys", "toys", "1", "loaded", families=(FOG, mine))
    monkeypatch.setattr(lt.Registry, "default", lambda: lt.Registry([toys]))
    for command in (("plan",), ("generate", "one", "-o", "a.mkv")):
        refused = longtake(*command, "--model", model)
        assert (refused.code, "--family fog" in refused.err) == (2, True), (command, refused.err)
        done = longtake(*command, "--model", model, "--family", "mine")
        assert done.code == 0, done.err
