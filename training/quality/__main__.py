"""``python -m training.quality DIR``: figures of a checkpoint, and a contact sheet of its takes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import longtake as lt
from training.learned_tiny.pictures import FPS, draw
from training.learned_tiny.scenes import SIZE, SPEEDS
from training.learned_tiny.segments import FRAMES
from training.learned_tiny.stories import tell
from training.quality.measuring import Seen, measure, nearest_speed
from training.quality.takes import Seams, Told, held_out, roll, seams

_SHOWN = 8
"""Pictures of a take in the sheet."""
_HALFWAY = (SPEEDS["slow"] + SPEEDS["fast"]) / 2


def main() -> None:
    """Measure true pictures, then takes of held-out prompts; write OUT/quality.json and .png."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("build/quality"))
    parser.add_argument("--prompts", type=int, default=60)
    parser.add_argument("--segments", type=int, default=3)
    parser.add_argument("--true", type=int, default=200, help="scenes that the script is tried on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", default="ltx2_distilled")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    report = {"of the script itself": of_true_pictures(asked.true, asked.seed)}
    report["of takes"] = of_takes(asked)
    text = json.dumps(report, indent=2)
    (asked.out / "quality.json").write_text(f"{text}\n", encoding="utf-8")
    sys.stdout.write(f"{text}\n")


def of_true_pictures(count: int, seed: int) -> dict[str, float]:
    """How often the script is right about scenes whose truth is known."""
    rng = np.random.default_rng([seed, 1])
    right = []
    for _ in range(count):
        story = tell(rng, [0.0], FRAMES / FPS)
        pictures, _ = draw(story.scene, 0, FRAMES)
        right.append(judged(Told.of(story.prompts[0]), measure(shown(pictures))))
    return rates(right)


def of_takes(asked: argparse.Namespace) -> dict[str, Any]:
    """The same of what the checkpoint rolls, and its seams."""
    right: list[dict[str, bool]] = []
    joined: list[Seams] = []
    rows = []
    sampling = {"height": SIZE, "width": SIZE, "num_frames": FRAMES}
    with lt.load(asked.model, preset=asked.preset, device="cpu") as pipeline:
        for number, told in enumerate(held_out(asked.prompts, asked.seed)):
            prompts = [told.prompt] * asked.segments
            parts = [
                (each.frames / 255).astype(np.float32)
                for each in roll(pipeline, prompts, number, **sampling)
            ]
            right.append(judged(told, measure(np.concatenate(parts))))
            joined.append(seams(parts))
            rows.append(np.concatenate(parts))
    sheet(rows).save(asked.out / "quality.png")
    return {**rates(right), **medians(joined)}


def judged(told: Told, seen: Seen) -> dict[str, bool]:
    """What is as told; of the speed only what says one, and whether it is faster or slower."""
    right = {
        "colour": seen.colour == told.colour,
        "count": seen.count == told.count,
        "shape": seen.shape == told.shape,
    }
    if told.speed:
        right["faster or slower"] = (seen.speed > _HALFWAY) == (told.speed == "fast")
        right["speed"] = nearest_speed(seen.speed) == told.speed
    return right


def rates(right: Sequence[dict[str, bool]]) -> dict[str, float]:
    """The share of what was judged that is right."""
    names = list(dict.fromkeys(name for each in right for name in each))
    return {
        name: round(float(np.mean([each[name] for each in right if name in each])), 3)
        for name in names
    }


def medians(joined: Sequence[Seams]) -> dict[str, float]:
    """Over all takes."""
    found = {}
    for name in ("psnr", "jerk", "colour"):
        for place, what in enumerate(("inside", "at seams")):
            values = [getattr(each, name)[place] for each in joined]
            found[f"{name} {what}"] = round(float(np.nanmedian(values)), 3)
    return found


def shown(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """From ``[3, T, H, W]``, -1 to 1, to ``[T, H, W, 3]``, 0 to 1."""
    return ((pictures.transpose(1, 2, 3, 0) + 1) / 2).astype(np.float32)


def sheet(takes: Sequence[NDArray[np.float32]]) -> Image.Image:
    """A row for each take, of pictures spread over it."""
    rows = [
        np.concatenate(list(take[np.linspace(0, len(take) - 1, _SHOWN).astype(int)]), axis=1)
        for take in takes
    ]
    pixels = (np.concatenate(rows) * 255).round().clip(0, 255).astype(np.uint8)
    return Image.fromarray(pixels)


if __name__ == "__main__":
    main()
