"""``python -m training.learned_tiny --minutes 100``: every part, and the checkpoint of them."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from training.learned_tiny import segments
from training.learned_tiny.assembling import assemble, vaes
from training.learned_tiny.audio import Sound
from training.learned_tiny.denoising import Denoising
from training.learned_tiny.learning import learn
from training.learned_tiny.team import Team, run
from training.learned_tiny.video import VideoVae

STEPS_A_MINUTE = {"video": 60, "audio": 5, "denoising": 55}
"""Of all minutes; with them each part has its share of the time on two cores."""
TAKES_A_MINUTE = 11
PARTS = ("audio", "video", "latents", "denoising", "checkpoint")


def main() -> None:
    """Make the parts that are asked for, in their order; what is made already is passed over."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=100, help="about, on two cores")
    parser.add_argument("--out", type=Path, default=Path("build/learned-tiny"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2, help="that learn as one")
    parser.add_argument("--part", action="append", choices=PARTS, help="all, if none is said")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for part in asked.part or PARTS:
        learns = part in STEPS_A_MINUTE
        run(make, (part, asked), asked.processes if learns else 1)


def make(team: Team, part: str, asked: argparse.Namespace) -> None:
    """One part, by this member of the team."""
    torch.set_num_threads(1)
    steps = {name: max(1, round(each * asked.minutes)) for name, each in STEPS_A_MINUTE.items()}
    if part == "audio":
        learn(Sound(asked.seed), asked.out, steps[part], team=team)
    elif part == "video":
        learn(VideoVae(asked.seed), asked.out, steps[part], team=team)
    elif part == "latents":
        if not (asked.out / "latents.pt").exists():
            count = round(TAKES_A_MINUTE * asked.minutes)
            made = segments.encode_examples(*vaes(asked.out), count, asked.seed)
            segments.save(asked.out, *made)
    elif part == "denoising":
        examples, _ = segments.load(asked.out)
        learn(Denoising(asked.seed, examples), asked.out, steps[part], team=team)
    else:
        assemble(asked.out, asked.out / "checkpoint", asked.seed)


if __name__ == "__main__":
    main()
