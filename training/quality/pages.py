"""The page of the figures: tables and charts, made from what the parts left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_page"]

_WANTED = {"colour": 0.95, "count": 0.9, "shape": 0.85, "faster or slower": 0.9}
_SEAMS = {"psnr": "PSNR of neighbours, dB", "jerk": "jerk of the middle, px", "colour": "colour"}


def write_page(folder: Path) -> None:
    """Write ``figures.md``, ``adherence.svg`` and ``drift.svg`` of the documents in ``folder``."""
    known = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")
    }
    lines = ["% Made by `python -m training.quality` of the JSON files beside it. Do not edit it."]
    if {"script", "ceiling", "takes"} <= known.keys():
        lines += _takes(known)
        _bars(folder / "adherence.svg", known)
    if "ways" in known:
        lines += _ways(known["ways"])
    if "drift" in known:
        lines += _drift(known["drift"]["takes"])
        _courses(folder / "drift.svg", known["drift"]["takes"])
    text = "\n".join(lines)
    (folder / "figures.md").write_text(f"{text}\n", encoding="utf-8")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield ""
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _takes(known: Mapping[str, Any]) -> Iterator[str]:
    script, takes, ceiling = known["script"], known["takes"], known["ceiling"]
    coded = ceiling["through the VAE"]
    yield "\n## What is shown\n"
    yield "`python -m training.quality --part script --part ceiling --part takes`\n"
    yield (
        f"{takes['takes']} takes of three segments, each of a prompt with which nothing was "
        f"learned. Beside it what the script says of {script['takes']} true segments, and of "
        f"{ceiling['takes']} true takes through the video VAE ({ceiling['psnr']} dB)."
    )
    rows = [
        [
            name,
            _percent(takes[name]),
            _percent(wanted),
            _percent(coded[name]),
            _percent(script[name]),
        ]
        for name, wanted in _WANTED.items()
    ]
    there = [_percent(each["something there"]) for each in (takes, coded, script)]
    rows.append(["pictures with something there", there[0], "", *there[1:]])
    yield from _table(["right", "takes", "wanted", "truth through the VAE", "truth"], rows)
    yield "\n## Seams\n"
    yield "Medians, inside segments / at their seams.\n"
    columns = {"takes": takes, "truth through the VAE": coded, "truth": ceiling["true"]}
    rows = [
        [what, *(_pair(each["seams"][name]) for each in columns.values())]
        for name, what in _SEAMS.items()
    ]
    yield from _table(["", *columns], rows)
    yield "\n## Sound\n"
    rows = []
    for what, key in (("bend of the pitch inside", 0), ("bend of the pitch at seams", 1)):
        pairs = [each["pitch bends"][key] for each in (takes, script)]
        rows.append([what, *(_heard(each) for each in pairs)])
    for what in ("pitch off the picture", "pitch off another picture"):
        rows.append([what, *(_heard(each[what]) for each in (takes, script))])
    yield from _table(["semitones: median, within a quarter tone", "takes", "truth"], rows)


def _pair(values: Sequence[float]) -> str:
    return f"{values[0]:.3g} / {values[1]:.3g}"


def _heard(found: Mapping[str, float]) -> str:
    if not found:
        return ""
    return f"{found['median']:.2f}, {_percent(found['within a quarter tone'])}"


def _ways(ways: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## Ways of going on\n"
    yield "`python -m training.quality --part ways`\n"
    yield (
        f"{ways['takes']} prompts, {ways['segments']} segments each, the same seeds; the training "
        "knows the first way alone."
    )
    rows = [
        [
            name,
            *(_percent(each[what]) for what in (*_WANTED, "something there")),
            *(_pair(each["seams"][what]) for what in _SEAMS),
            _heard(each["pitch bends"][1]),
            _heard(each["pitch off the picture"]),
        ]
        for name, each in ways["ways"].items()
    ]
    header = [
        "",
        *_WANTED,
        "something there",
        *_SEAMS.values(),
        "bend at seams",
        "pitch off the picture",
    ]
    yield from _table(header, rows)


def _drift(takes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    longest = max(each["segments"] for each in takes)
    yield "\n## Long takes\n"
    yield f"`python -m training.quality --part drift --long-segments {longest}`\n"
    kept = sum(each["kept"] for each in takes)
    there = sum(each["never empty"] for each in takes)
    yield (
        f"{len(takes)} takes of {longest} segments, each under one prompt. In {kept} of them every "
        f"segment has as many things as the first; in {there} none is empty."
    )
    rows = [
        [
            each["prompt"],
            _percent(each["as told"]),
            _percent(each["colour as told"]),
            _percent(each["shape as told"]),
            "" if each["colour drift"] is None else _percent(each["colour drift"]),
            f"{each['loudness drift']:+.1f} dB",
            f"{each['sharpness']:.2f}",
        ]
        for each in takes
    ]
    header = ["prompt", "count", "colour", "shape", "colour drift", "loudness", "sharpness"]
    yield from _table(header, rows)


def _bars(path: Path, known: Mapping[str, Any]) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "longtake"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 2.6))
    columns = {
        "takes": known["takes"],
        "truth through the VAE": known["ceiling"]["through the VAE"],
        "truth": known["script"],
    }
    for place, (name, each) in enumerate(columns.items()):
        at = np.arange(len(_WANTED)) + 0.27 * (place - 1)
        axes.bar(at, [100 * each[what] for what in _WANTED], 0.25, label=name)
    for place, wanted in enumerate(_WANTED.values()):
        axes.hlines(100 * wanted, place - 0.42, place + 0.42, "black", "dashed", linewidth=1)
    axes.set_xticks(range(len(_WANTED)), list(_WANTED))
    axes.set_ylabel("right, %")
    axes.set_ylim(0, 105)
    axes.legend(loc="lower right", fontsize=7)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


def _courses(path: Path, takes: Sequence[Mapping[str, Any]]) -> None:
    """Over the segments: how many takes are as told, and how loud they are."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "longtake"
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, 1, figsize=(7, 4), sharex=True)
    length = min(each["segments"] for each in takes)
    for name in ("count", "colour", "shape"):
        firsts = [each["course"][0][name] for each in takes]
        same = [
            100 * np.mean([e["course"][n][name] == f for e, f in zip(takes, firsts, strict=True)])
            for n in range(length)
        ]
        above.plot(range(1, length + 1), same, label=name)
    above.set_ylabel("takes as at first, %")
    above.set_ylim(0, 105)
    above.legend(loc="lower left", fontsize=7)
    for each in takes:
        loud = [one["loudness"] for one in each["course"]]
        below.plot(range(1, len(loud) + 1), loud, linewidth=0.7)
    below.set_ylabel("loudness, dB")
    below.set_xlabel("segment")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
