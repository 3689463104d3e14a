"""What all drawings share: a sheet measured in points from its top left corner, and its colours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

__all__ = ["BLUE", "GREEN", "GREY", "INK", "ORANGE", "PALE", "Sheet"]

INK, GREY, PALE = "#1f2933", "#7b8794", "#e4e7eb"
BLUE, GREEN, ORANGE = "#2f6fb0", "#3a8f5c", "#c9702b"
_PAPER = "#fbfbf9"  # light, so that the drawing reads the same on a dark page

Colour = str
Align = Literal["left", "center", "right"]


class Sheet:
    """A drawing ``width`` points wide, from ``top`` to ``bottom``; y grows downwards."""

    def __init__(self, width: float, bottom: float, *, top: float = 0) -> None:
        self._figure = Figure(figsize=(width / 72, (bottom - top) / 72), facecolor=_PAPER)
        self._axes: Any = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(bottom, top)
        self._axes.axis("off")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 9,
        colour: Colour = INK,
        align: Align = "left",
        bold: bool = False,
        mono: bool = False,
        turned: float = 0,
    ) -> None:
        self._axes.text(
            x,
            y,
            text,
            fontsize=size,
            color=colour,
            ha=align,
            va="bottom" if turned else "center_baseline",
            weight="bold" if bold else "normal",
            family="DejaVu Sans Mono" if mono else "DejaVu Sans",
            rotation=turned,
            rotation_mode="anchor",
            parse_math=False,
            zorder=6,
        )

    def line(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        *,
        colour: Colour = INK,
        width: float = 1,
        dashed: bool = False,
        arrow: bool = False,
        behind: bool = False,
    ) -> None:
        """A line through the points, before the bars or behind; ``arrow``: its last part is one."""
        zorder = 1 if behind else 4
        style = (0, (3, 2)) if dashed else "-"
        if arrow:
            self._axes.annotate(
                "",
                xy=(xs[-1], ys[-1]),
                xytext=(xs[-2], ys[-2]),
                arrowprops={"arrowstyle": "-|>", "color": colour, "lw": width, "shrinkA": 0,
                            "shrinkB": 0, "linestyle": style, "zorder": zorder},
            )  # fmt: skip
            xs, ys = xs[:-1], ys[:-1]
        self._axes.plot(
            xs, ys, color=colour, lw=width, ls=style, solid_capstyle="butt", zorder=zorder
        )

    def bar(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        *,
        fill: Colour,
        edge: Colour = "none",
        hatch: str = "",
        width: float = 0.8,
    ) -> None:
        patch = Rectangle(
            (left, top),
            right - left,
            bottom - top,
            fc=fill,
            ec=edge,
            lw=width,
            hatch=hatch or None,
            zorder=3,
        )
        patch.set_hatch_linewidth(0.6)
        self._axes.add_patch(patch)

    def box(
        self, left: float, top: float, right: float, bottom: float, *, fill: Colour, edge: Colour
    ) -> None:
        """Like a bar, with round corners."""
        rounded = "round,pad=0,rounding_size=5"
        size = (right - left, bottom - top)
        self._axes.add_patch(
            FancyBboxPatch((left, top), *size, boxstyle=rounded, fc=fill, ec=edge, lw=1, zorder=2.5)
        )

    def dot(self, x: float, y: float, *, colour: Colour, hollow: bool = False) -> None:
        fill = _PAPER if hollow else colour
        self._axes.plot([x], [y], "o", ms=6.5, mfc=fill, mec=colour, mew=1.5, zorder=5)

    def save(self, path: Path) -> None:
        """Write the drawing as SVG: letters as outlines, and the same bytes every time."""
        with rc_context({"svg.fonttype": "path", "svg.hashsalt": path.name}):
            FigureCanvasSVG(self._figure)
            self._figure.savefig(path, format="svg", metadata={"Date": None}, facecolor=_PAPER)
