"""The learned tiny LTX-2: what its wheel has, and that takes without a checkpoint show it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("longtake_ltx2_tiny")

from safetensors import safe_open

import longtake as lt
import longtake_ltx2_tiny
from longtake.cli.options.examples import RANDOM, example_of
from longtake.media.reader import read_take
from longtake_ltx2_tiny.weights import checkpoint
from training.quality.measuring import measure
from training.quality.takes import Told

ROOT = Path(__file__).parents[2]
PACKAGE = Path(longtake_ltx2_tiny.__file__).parent
MOST = 12_000_000
"""Bytes of the wheel."""
NETWORKS = ("audio_vae", "connectors", "text_encoder", "transformer", "vae", "vocoder")


def test_the_wheel_is_small() -> None:
    """As a wheel packs it: its files, deflated."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in PACKAGE.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(PACKAGE))
    assert 5_000_000 < len(packed.getvalue()) < MOST


def test_it_has_each_network_in_half_precision_and_nothing_else() -> None:
    folder = checkpoint()
    weights = sorted(folder.rglob("*.safetensors"))
    assert sorted(path.parent.name for path in weights) == list(NETWORKS)
    for path in weights:
        with safe_open(path, "np") as file:
            assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"BF16"}  # noqa: SIM118
    others = {path.suffix for path in folder.rglob("*") if path.is_file()} - {".safetensors"}
    assert others == {".json"}
    told = [path.read_text(encoding="utf-8") for path in folder.rglob("*.json")]
    assert not [text for text in told if "/tmp/" in text or "/work" in text]


def test_it_is_the_example_of_ltx2() -> None:
    family = lt.Registry.of(
        "longtake_ltx2.plugin", "longtake_ltx2_tiny", "longtake.builtin"
    ).family("ltx2")
    example, own = example_of(family, None), example_of(family, RANDOM)
    assert example is not None and own is not None
    assert (example.preset, own.preset) == ("ltx2_shapes", None)
    assert example.write(Path("nowhere")) == checkpoint()
    assert own.source == family.example


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A take of two segments, typed as a newcomer types it, and what was said."""
    out = tmp_path_factory.mktemp("take") / "take.mkv"
    command = [sys.executable, "-m", "longtake", "generate", "a red circle", "--family", "ltx2"]
    done = subprocess.run(
        [*command, "--segments", "2", "-o", str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out, done.stderr


def test_a_take_without_a_checkpoint_shows_what_it_is_told(shown: tuple[Path, str]) -> None:
    out, said = shown
    assert "longtake-ltx2-tiny" in said and "random" not in said
    take, told = read_take(out), Told.of("a red circle")
    assert take.frames.shape == (41 + 32, 64, 64, 3)
    seen = measure((take.frames / 255).astype(np.float32))
    assert (seen.colour, seen.count) == (told.colour, told.count)
    assert seen.there > 0.9
    assert take.audio is not None
    assert float(np.sqrt(np.square(take.audio).mean())) > 0.01


def test_the_same_weights_from_python_and_by_their_folder(shown: tuple[Path, str]) -> None:
    with lt.load(checkpoint(), preset="ltx2_shapes", device="cpu") as pipeline:
        first = lt.Session(pipeline).extend("a red circle")
    assert (first.frames == read_take(shown[0]).frames[:41]).all()


def test_the_random_one_stays_behind_its_name(tmp_path: Path) -> None:
    from longtake.cli import main

    out = tmp_path / "noise.mkv"
    command = ["generate", "a red circle", "--family", "ltx2", "--model", "tiny:random"]
    assert main([*command, "--steps", "2", "--num-frames", "17", "-o", str(out)]) == 0
    assert read_take(out).frames.shape[1:] == (64, 96, 3)


def test_the_card_says_what_was_measured() -> None:
    card = (ROOT / "contrib" / "ltx2-tiny" / "README.md").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "ltx2-tiny.md").read_text(encoding="utf-8")
    assert "contrib/ltx2-tiny/README.md" in page
    assert "python -m training.learned_tiny" in card and "python -m training.quality" in card
    for what in ("colour", "count", "shape", "faster or slower"):
        assert f"| {what} |" in card
