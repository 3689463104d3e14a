"""``longtake plan --published`` on LTX-2: the published checkpoints without any file of theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.cli import main
from longtake_ltx2.checkpoints.published import PUBLISHED, published_configs, write_configs
from tests.ltx2.published import write_published

SIZES = [(512, 768), (704, 1280)]


def planned(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["plan", "--json", *map(str, arguments)]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("name", ["ltx-2.0", "ltx-2.3", "ltx-2.5"])
def test_a_name_is_planned_as_its_folder_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, height: int, width: int
) -> None:
    folder = write_published(tmp_path / "folder", name.removeprefix("ltx-"))
    size = ("--height", height, "--width", width, "--device", "cuda")
    by_name = planned(capsys, "--published", name, *size)
    by_folder = planned(capsys, "--model", folder, *size)
    for number in ("flops", "weight_bytes", "peak_bytes"):
        assert by_name[number] == pytest.approx(by_folder[number], rel=0.1)
    assert by_name | {"published": None} == by_folder
    assert by_name["weight_bytes"] > 60 * 10**9


def test_weights_take_what_the_published_files_take(capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes of the published bfloat16 files of 2.5: transformer, text encoder with connectors."""
    arguments = ("--published", "ltx-2.5", "--device", "cuda", "--height", 256, "--width", 256)
    found = planned(capsys, *arguments, "--preset-override", "decode_video.decoder=diffusion")
    weights = {s["name"]: s["weight_bytes"] for s in found["segments"][0]["stages"]}
    assert weights["denoise"] == pytest.approx(37.976e9, rel=0.001)
    assert weights["encode_text"] == pytest.approx(23.920e9 + 6.344e9, rel=0.01)
    assert weights["decode_video"] == pytest.approx(0.834e9, rel=0.001)


def test_weights_of_2_0_take_what_its_files_take(capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes as its files' headers say, of the text encoder's fp32 language model half of them."""
    arguments = ("--device", "cuda", "--height", 256, "--width", 256)
    found = planned(capsys, "--published", "ltx-2.0", *arguments)
    weights = {s["name"]: s["weight_bytes"] for s in found["segments"][0]["stages"]}
    assert weights["denoise"] == pytest.approx(37_758_861_824, rel=0.001)
    assert weights["encode_text"] == pytest.approx(47_064_136_704 / 2 + 2_862_950_400, rel=0.001)
    assert weights["prepare"] == pytest.approx(2_444_959_714, rel=0.001)
    assert weights["decode_audio"] == pytest.approx(106_496_804 + 111_185_604, rel=0.001)


def test_two_stages_can_be_planned(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--preset", "ltx2_two_stage", "--device", "cuda", "--height", 512, "--width", 768)
    found = planned(capsys, "--published", "ltx-2.5", *arguments)
    assert "upsample" in {
        each["name"] for stage in found["segments"][0]["stages"] for each in stage["passes"]
    }


@pytest.mark.parametrize(
    ("memory", "answer"),
    [
        ("8GiB", "does not fit in 8 GiB, nor does any other choice; with --offload block it"),
        ("24GiB", "does not fit in 24 GiB; with --offload block it needs"),
        ("40GiB", "does not fit in 40 GiB; with --offload component it needs"),
        ("80GiB", "fits in 80 GiB"),
    ],
)
def test_the_first_line_says_whether_it_fits(
    capsys: pytest.CaptureFixture[str], memory: str, answer: str
) -> None:
    assert main(["plan", "--published", "ltx-2.3", "--device-memory", memory]) == 0
    needs, _, rest = capsys.readouterr().out.splitlines()[0].partition(": ")
    assert rest.startswith(answer)
    gib = float(needs.removeprefix("needs ").removesuffix(" GiB at the peak"))
    assert 60 < gib < 80


@pytest.mark.parametrize("checkpoint", PUBLISHED, ids=lambda each: each.name)
def test_what_is_written_is_recognised(checkpoint: lt.PublishedCheckpoint, tmp_path: Path) -> None:
    generation = checkpoint.name.removeprefix("ltx-")
    family, found = lt.Registry.default().recognise(write_configs(checkpoint, tmp_path / "x"))
    assert (family.name, found.description) == ("ltx2", f"LTX-{generation}")
    assert published_configs(generation).keys() >= {"transformer", "text_encoder", "connectors"}


def test_its_hub_name_as_a_model_says_how_it_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for family in (None, "ltx2"):
        with pytest.raises(lt.CheckpointError, match="Longtake downloads nothing") as caught:
            lt.load("Lightricks/LTX-2", family=family)
        assert caught.value.path == "Lightricks/LTX-2"
        assert PUBLISHED[0].download_command in str(caught.value)
