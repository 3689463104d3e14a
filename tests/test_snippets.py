"""Every command and every snippet of the documents works, in the order in which it is read.

`tests.snippets.exceptions` has what is run differently or not at all, each with its reason.
"""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtake.media.contact_sheet import SegmentView, contact_sheet
from longtake.media.writer import ArrayWriter
from longtake_ltx2.tiny import write_tiny_checkpoint
from longtake_ltx2.tiny.lora import write_tiny_lora
from tests.snippets.blocks import DOCUMENTS, ROOT, blocks_of, commands_of
from tests.snippets.exceptions import BEFORE, ELSEWHERE, NOT_HERE, PRELUDES, REFUSED, SUBSTITUTIONS
from tests.snippets.reader import Reader, is_elsewhere, reason_not_here

PAGES = [document for document in DOCUMENTS if blocks_of(document)]
BLOCKS = [block for page in PAGES for block in blocks_of(page)]
COMMANDS = [
    command
    for block in BLOCKS
    if block.kind in ("", "sh") and not is_elsewhere(block)
    for command in commands_of(block)
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "newest", generation="2.5")


@pytest.fixture
def folder(tiny: Path, newest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader is, who has pictures, clips, a voice and LoRAs."""
    pixels = np.random.default_rng(0).integers(0, 255, (9, 64, 96, 3), np.uint8)
    for name in ("a", "first", "last", "morning", "noon", "evening"):
        Image.fromarray(pixels[0]).save(tmp_path / f"{name}.png")
    Image.fromarray(np.repeat([[0, 255]], 64, 0).repeat(48, 1).astype("uint8")).save(
        tmp_path / "tram.png"
    )
    for name, num_frames, fps in (("walk", 17, 24), ("depth", 9, 24), ("clip", 33, 8)):
        with ArrayWriter(tmp_path / f"{name}.mp4", fps=Fraction(fps)) as writer:
            writer.append(np.resize(pixels, (num_frames, 64, 96, 3)), None, None)
    with ArrayWriter(tmp_path / "speech.mp4", fps=Fraction(25)) as writer:
        hiss = np.random.default_rng(1).uniform(-0.1, 0.1, (2, 17 * 640)).astype("float32")
        writer.append(np.resize(pixels[:, :, :64], (17, 64, 64, 3)), hiss, 16000)
    (tmp_path / "own.txt").write_text("Describe the scene in more words.")
    with wave.open(str(tmp_path / "voice.wav"), "wb") as voice:
        voice.setparams((1, 2, 16000, 0, "NONE", "not compressed"))
        voice.writeframes(pixels.tobytes()[:64000])
    for name in (
        "distilled-lora",
        "ic-lora-depth-ref0.5",
        "ic-lora-dubit",
        "ic-lora-in-outpainting",
    ):
        write_tiny_lora(tmp_path / f"{name}.safetensors", tiny)
    (tmp_path / "LTX-2.5").symlink_to(newest)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_shows_works(
    page: Path, folder: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(folder, tiny, monkeypatch)
    for block in blocks_of(page):
        reader.follow(block)


def test_the_pages_are_all_there() -> None:
    """Guards the test above: a block that the pattern does not see would not be run."""
    names = {str(page.relative_to(ROOT)) for page in PAGES}
    assert {"README.md", "docs/index.md", "docs/command-line.md", "sdk/README.md"} <= names
    fences = sum(page.read_text().count("\n```") for page in DOCUMENTS)
    directives = sum(page.read_text().count("\n```{") for page in DOCUMENTS)
    fenced = [
        block
        for block in BLOCKS
        if "```" in block.document.read_text().splitlines()[block.line - 2]
    ]
    assert len(fenced) == fences // 2 - directives
    assert len(COMMANDS) > 50


def test_every_command_is_run_or_has_a_reason() -> None:
    programs = ("longtake ", "python -m longtake_ltx2.", "cd ", "LONGTAKE_")
    for command in COMMANDS:
        assert command.startswith(programs) or reason_not_here(command), command


def test_no_exception_is_left_of_a_page_that_changed() -> None:
    for start in NOT_HERE:
        assert any(command.startswith(start) for command in COMMANDS), start
    for document, start in ELSEWHERE:
        text = (ROOT / document).read_text()
        assert f"\n{start}" in text, (document, start)
    shown = "\n".join(block.text for block in BLOCKS)
    for part in (*SUBSTITUTIONS, *REFUSED, *BEFORE):
        assert part in shown, part
    for document in PRELUDES:
        assert "```python" in (ROOT / document).read_text(), document


@pytest.mark.parametrize(("name", "frame"), [("pendulum", (288, 512)), ("ltx2", (64, 64))])
def test_the_pictures_are_sheets_of_the_demo(name: str, frame: tuple[int, int]) -> None:
    """As ``python docs/pictures.py`` makes them: small, and as today's sheets are laid out."""
    file = ROOT / "docs" / "pictures" / f"{name}.webp"
    assert file.stat().st_size < 200_000
    pixels = np.zeros((*frame, 3), np.uint8)
    views = [SegmentView(pixels, pixels, "", 1.0)] * 3
    sound = np.zeros((2, 3 * 8000), np.float32)
    sheet = contact_sheet(views, audio=sound, sample_rate=8000)
    with Image.open(file) as picture:
        assert picture.width == 1200
        assert picture.height == round(1200 * sheet.height / sheet.width)
    for document in ("README.md",):
        assert f"docs/pictures/{name}.webp" in (ROOT / document).read_text()
