"""``longtake plan`` of a checkpoint that is not there: does it fit, what would, how long."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

import longtake as lt
from longtake.cli import main
from longtake.plugins.loading import Plugin
from tests.sdk.cli.cli_support import Command, Outcome
from tests.sdk.cli.toy_family import DUST, FOG

WEIGHTS = 4 * 2**20
"""Bytes of the toy's published checkpoint."""


@attrs.frozen
class Options:
    """``packed`` halves the weights, ``slow`` halves what a pixel takes."""

    packed: str = attrs.field(default="no", metadata={"saves_memory": ("half",)})
    slow: bool = attrs.field(
        default=False,
        validator=attrs.validators.instance_of(bool),
        metadata={"saves_memory": (True,)},
    )
    colour: str = "grey"


def write_configs(checkpoint: lt.PublishedCheckpoint, folder: Path) -> Path:
    folder.mkdir()
    (folder / "fog.txt").write_text(checkpoint.name)
    return folder


def estimate(request: lt.EstimateRequest) -> lt.RunEstimate:
    """A pixel takes 16 bytes and 1 GFLOP."""
    assert request.path is not None
    assert (request.path / "fog.txt").is_file()
    sampling = request.job.sampling
    if sampling.height % 64:
        raise lt.ValidationError("sampling.height", "must divide by 64")
    pixels = sampling.height * sampling.width
    weights = WEIGHTS // (2 if request.options.packed == "half" else 1)
    working = pixels * (8 if request.options.slow else 16)
    stage = lt.StageEstimate(
        name="draw",
        passes=[lt.PassEstimate("wisp", pixels * 10**9)],
        weight_bytes=weights,
        peak_bytes=weights + working,
    )
    segment = lt.SegmentEstimate([stage], sampling.num_frames)
    return lt.RunEstimate([segment] * request.segments, weights, (f"on {request.device}",))


PUBLISHED = (
    lt.PublishedCheckpoint(
        name="fog-1.0",
        aliases=("fog",),
        repository="Weather/Fog",
        licence="MIT",
        disk_bytes=5 * 10**9,
        files=("weights/*", "config.json"),
        write_configs=write_configs,
    ),
    lt.PublishedCheckpoint(
        name="fog-2.0",
        repository="Weather/Fog-2",
        licence="MIT",
        disk_bytes=7 * 10**9,
        write_configs=f"{__name__}:write_configs",
    ),
)


@pytest.fixture
def longtake(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line with a family that knows two, and one whose list cannot be read."""
    fog = FOG.evolve(estimate=estimate, options=Options, published=f"{__name__}:PUBLISHED")
    families = (fog, DUST.evolve(published="longtake_nowhere:PUBLISHED"))
    registry = lt.Registry([Plugin("toys", "longtake-toys", "1.2", "loaded", families=families)])
    monkeypatch.setattr(lt.Registry, "default", lambda: registry)

    def run(*argv: str) -> Outcome:
        capsys.readouterr()
        code = main(argv)
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run


SIZE = ("--height", "512", "--width", "512")
"""4 MiB of pixels: 8 MiB at the peak."""


def first_line(longtake: Command, *arguments: str) -> str:
    done = longtake("plan", "--published", "fog-1.0", *SIZE, *arguments)
    assert done.code == 0, done.err
    return done.out.splitlines()[0]


def planned(longtake: Command, *arguments: str) -> dict[str, Any]:
    done = longtake("plan", "--published", "fog-1.0", *SIZE, "--json", *arguments)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.mark.parametrize("name", ["fog-1.0", "fog", "FOG-1.0", "Weather/Fog", "weather/fog"])
def test_it_is_planned_by_any_of_its_names(longtake: Command, name: str) -> None:
    done = longtake("plan", "--published", name, *SIZE, "--json")
    found = json.loads(done.out)
    assert (found["published"]["name"], found["peak_bytes"]) == ("fog-1.0", 8 * 2**20)
    assert found["notes"] == ["on None"]


def test_it_is_what_the_same_folder_is_planned_as(longtake: Command, tmp_path: Path) -> None:
    folder = write_configs(PUBLISHED[1], tmp_path / "fog")
    by_name = longtake("plan", "--published", "fog-2.0", *SIZE, "--json").out
    by_folder = longtake("plan", "--model", str(folder), *SIZE, "--json").out
    assert json.loads(by_name) | {"published": None} == json.loads(by_folder)


def test_nothing_of_it_is_left(
    longtake: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert longtake("plan", "--published", "fog", *SIZE).code == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("memory", "answer"),
    [
        (None, "needs 8.00 MiB at the peak"),
        ("8MiB", "needs 8.00 MiB at the peak: fits in 8 MiB; nothing is left for the allocator"),
        ("8.5 MiB", "needs 8.00 MiB at the peak: fits in 8.5 MiB; 512.00 KiB is left for"),
        ("24GiB", "needs 8.00 MiB at the peak: fits in 24 GiB"),
        (
            "6.5MiB",
            "needs 8.00 MiB at the peak: does not fit in 6.5 MiB; with --packed half it needs "
            "6.00 MiB: fits",
        ),
        (
            "4MiB",
            "needs 8.00 MiB at the peak: does not fit in 4 MiB; with --packed half --slow it needs "
            "4.00 MiB: fits",
        ),
        (
            "1MiB",
            "needs 8.00 MiB at the peak: does not fit in 1 MiB, nor does any other choice; with "
            "--packed half --slow it needs 4.00 MiB: does not fit",
        ),
    ],
)
def test_the_first_line_answers(longtake: Command, memory: str | None, answer: str) -> None:
    said = () if memory is None else ("--device-memory", memory)
    assert first_line(longtake, *said).startswith(answer)


def test_a_smaller_picture_is_found_by_planning_it(longtake: Command) -> None:
    """Half the weights are 2 MiB; a quarter of the pixels takes half a MiB, 9/16 over a MiB."""
    memory = planned(longtake, "--device-memory", str(2**21 + 2**20 - 1))["memory"]
    *tried, found = memory["alternatives"]
    assert found["fits"]
    assert found["arguments"] == [
        *("--packed", "half", "--slow", "--height", "256", "--width", "256")
    ]  # fmt: skip
    assert not any(each["fits"] for each in tried)
    said = planned(longtake, *found["arguments"], "--device-memory", "1GiB")
    assert (said["peak_bytes"], said["memory"]["fits"]) == (found["peak_bytes"], True)


def test_a_model_that_is_there_gets_the_same_answer(longtake: Command, tmp_path: Path) -> None:
    folder = write_configs(PUBLISHED[0], tmp_path / "fog")
    done = longtake("plan", "--model", str(folder), *SIZE, "--device-memory", "7MiB")
    assert "does not fit in 7 MiB; with --packed half it needs 6.00 MiB: fits" in done.out
    assert done.out.splitlines()[-1] == "note: on cuda"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ((), 512 * 512 * 1e9 / 100e12),
        (("--device-name", "H100"), 512 * 512 * 1e9 / (0.4 * 989e12)),
        (("--device-tflops", "50"), 512 * 512 * 1e9 / (0.4 * 50e12)),
    ],
)
def test_seconds_come_from_flops(longtake: Command, said: tuple[str, ...], seconds: float) -> None:
    found = planned(longtake, *said, "--segments", "3")
    assert found["segments"][2]["seconds"] == pytest.approx(seconds)
    assert found["seconds"] == pytest.approx(3 * seconds)
    shown = longtake("plan", "--published", "fog", *SIZE, *said).out.splitlines()[1]
    assert shown.startswith(f"about {seconds:.3g} s a segment (262.14 TFLOP), an estimate: ")
    assert found["speed"]["assumed"] in shown


def test_those_that_there_are_are_listed(longtake: Command) -> None:
    listed = json.loads(longtake("plan", "--list-published", "--json").out)
    assert [each["name"] for each in listed] == ["fog-1.0", "fog-2.0"]
    assert listed[0]["disk_bytes"] == 5 * 10**9
    command = "hf download Weather/Fog --local-dir Fog --include 'weights/*' --include config.json"
    assert listed[0]["download"] == command
    shown = longtake("plan", "--list-published").out
    assert "Weather/Fog-2" in shown
    assert command in shown
    families = json.loads(longtake("families", "--json").out)
    assert [each["published"] for each in families] == [[], ["fog-1.0", "fog-2.0"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--published", "fog-3"], "'fog-3'; did you mean 'fog-2.0'? known: fog-1.0, fog-2.0"),
        (["--published", "x" * 300], "x'; known: fog-1.0, fog-2.0"),
        (["--published", "fog", "--family", "dust"], "cannot import"),
        (["--published", "fog", "--model", "."], "give one of them"),
        (["--published", "fog", "--height", "33"], "sampling.height"),
        (["--published", "fog", "--preset", "nope"], "nope"),
        (["--published", "fog", "--device-memory", "24 apples"], "'24 apples' is no amount"),
        (["--published", "fog", "--device-memory", "0GiB"], "more than nothing"),
        (["--published", "fog", "--device-tflops", "0"], "--device-tflops"),
        (["--published", "fog", "--device-name", "abacus"], "'abacus' is not one of"),
        (["--device-name", "l4", "--device-tflops", "1"], "give one of them"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    longtake: Command, arguments: list[str], said: str
) -> None:
    done = longtake("plan", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err) < 700


@pytest.mark.parametrize(
    ("said", "bytes_"),
    [("24GiB", 24 * 2**30), ("24gib", 24 * 2**30), ("24GB", 24 * 10**9), ("512 MiB", 2**29),
     ("1.5KiB", 1536), ("100", 100), ("80G", None), ("-1GiB", None), ("nan", None), ("", None)],
)  # fmt: skip
def test_amounts_of_memory(longtake: Command, said: str, bytes_: int | None) -> None:
    done = longtake("plan", "--published", "fog", *SIZE, "--json", "--device-memory", said)
    if bytes_ is None:
        assert done.code == 2
    else:
        assert json.loads(done.out)["memory"]["memory_bytes"] == bytes_


@pytest.mark.parametrize("command", ["plan", "generate"])
@pytest.mark.parametrize("family", [[], ["--family", "fog"]])
def test_a_name_of_the_hub_is_told_how_it_is_fetched(
    longtake: Command, command: str, family: list[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    prompts = ["a tram"] if command == "generate" else []
    for name, fetched in (
        ("Weather/Fog", "`hf download Weather/Fog --local-dir Fog --include 'weights/*' --inc"),
        ("Weather/Rain", "`hf download Weather/Rain --local-dir Rain`"),
    ):
        done = longtake(command, *prompts, "--model", name, *family)
        assert done.code == 2
        assert f"error: {name}: there is no such file or folder; Longtake downloads nothing" in (
            done.err
        )
        assert fetched in done.err
    (tmp_path / "models").mkdir()
    for path in ("models/fog", "/nowhere/fog", "fog", "a/b/c"):
        assert "hf download" not in longtake(command, *prompts, "--model", path, *family).err
