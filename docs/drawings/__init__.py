"""The drawings of the site, made from the code that they show, each time the site is built."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["FOLDER", "draw_all", "setup"]

FOLDER = "_generated"
"""Beside the pages; nothing in it is committed."""


def draw_all(folder: Path) -> None:
    """Write every drawing into ``folder``, and nothing else."""
    import longtake as lt
    from docs.drawings.clock import draw_clock
    from docs.drawings.layers import draw_layers, map_of
    from docs.drawings.state import draw_state
    from docs.drawings.take import roll_take
    from docs.drawings.tutorial import draw_segments, tutorial_family
    from docs.drawings.wires import draw_wires, wires_of
    from tests.rules.layers import LTX2, SDK

    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    for package in (SDK, LTX2):
        draw_layers(map_of(package), folder / f"layers-{package.name}.svg")
    ltx2 = lt.Registry.default().family("ltx2")
    draw_wires(wires_of(ltx2), folder / "wires-ltx2.svg")
    draw_wires(wires_of(ltx2, "ltx2_two_stage"), folder / "wires-two-stage.svg")
    draw_wires(wires_of(tutorial_family()), folder / "wires-tutorial.svg")
    draw_segments(folder / "tutorial.png")
    take = roll_take()
    draw_clock(take, folder / "clock.svg")
    draw_state(take.states[1], folder / "state.svg")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx, which builds the pages after this."""
    app.connect("builder-inited", lambda app: draw_all(Path(app.srcdir) / FOLDER))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
