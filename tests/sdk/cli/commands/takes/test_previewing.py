"""``longtake generate --preview``: pictures while a take is made, or why there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import longtake as lt
from longtake.cli.commands.takes.previewing import (
    asking_for_previews,
    check_preview_folder,
    writing_previews,
)
from longtake.media.stills import decode_still
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.commands.test_generate import files_in


@attrs.frozen
class Showing:
    """Options of a stage that can show."""

    preview_every: int | None = None


RECIPE = (
    lt.StageSpec("encode", "nowhere:encode"),
    lt.StageSpec("denoise", "nowhere:denoise", options=Showing),
    lt.StageSpec("refine", "nowhere:refine", options=Showing),
)


def test_each_stage_that_can_is_asked_unless_the_request_says_how_often() -> None:
    request = lt.GenerationRequest("x", stage_overrides={"refine": {"preview_every": 3}})
    asked = asking_for_previews(request, RECIPE).stage_overrides
    assert asked == {"denoise": {"preview_every": 1}, "refine": {"preview_every": 3}}


@pytest.mark.parametrize(
    ("recipe", "output"), [(RECIPE[:1], lt.Output()), (RECIPE, lt.Output(video=False))]
)
def test_nothing_to_show_is_refused(recipe: Any, output: lt.Output) -> None:
    with pytest.raises(lt.ValidationError, match="^--preview: ") as refused:
        asking_for_previews(lt.GenerationRequest("x", output=output), recipe)
    assert refused.value.path == "--preview"


def test_all_frames_stand_side_by_side(tmp_path: Path) -> None:
    pixels = np.arange(2 * 3 * 5 * 3, dtype=np.uint8).reshape(2, 3, 5, 3)
    followed: list[Any] = []
    follow = writing_previews(tmp_path / "shown", "take-001", followed.append)
    preview = lt.Preview("denoise", 4, 8, pixels)
    for event in (lt.Progress("denoise", 4, 8), preview):
        follow(event)
    assert len(followed) == 2
    assert files_in(str(tmp_path / "shown")) == {"take-001-denoise-004.png"}
    found = decode_still((tmp_path / "shown" / "take-001-denoise-004.png").read_bytes())
    assert np.array_equal(found[::4, ::4], np.concatenate(list(pixels), axis=1))


def test_where_no_folder_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept.png").write_bytes(b"")
    for path, problem in (
        (tmp_path / "file", "is no folder"),
        (tmp_path / "none" / "folder", "none is no folder"),
        (tmp_path / "full", "is not empty"),
    ):
        with pytest.raises(lt.OutputError, match=problem) as refused:
            check_preview_folder(path, resume=False)
        assert str(path) in str(refused.value)
    check_preview_folder(tmp_path / "full", resume=True)
    check_preview_folder(tmp_path / "new", resume=False)
    assert not (tmp_path / "new").exists()


def test_a_family_that_shows_none_refuses_before_it_makes_any(longtake: Command) -> None:
    done = longtake("generate", "dawn", "-o", "t.mkv", "--preview", "shown")
    assert done.code != 0
    assert "--preview: this preset shows no pictures" in done.err
    assert files_in() == set()
