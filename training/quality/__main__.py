"""``python -m training.quality [DIR]``: figures of a checkpoint, and the page that shows them."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from training.quality.pages import write_page
from training.quality.parts import PARTS, Asked


def main() -> None:
    """Measure the parts that are asked for into OUT/PART.json, and write OUT's page of all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "model", type=Path, metavar="DIR", nargs="?", help="longtake-ltx2-tiny's, if none is said"
    )
    parser.add_argument("--preset", default="ltx2_shapes")
    parser.add_argument("--out", type=Path, default=Path("docs/quality"))
    parser.add_argument("--part", action="append", choices=PARTS, help="all, if none is said")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prompts", type=int, default=60)
    parser.add_argument("--long-takes", type=int, default=10)
    parser.add_argument("--long-segments", type=int, default=100)
    said = parser.parse_args()
    said.out.mkdir(parents=True, exist_ok=True)
    asked = Asked(
        said.model or _installed(),
        said.preset,
        said.out,
        said.seed,
        said.prompts,
        long_takes=said.long_takes,
        long_segments=said.long_segments,
    )
    for part in said.part or PARTS:
        began = time.process_time()
        figures = PARTS[part](asked)
        figures["CPU seconds"] = round(time.process_time() - began)
        text = json.dumps(figures, indent=1)
        (said.out / f"{part}.json").write_text(f"{text}\n", encoding="utf-8")
        sys.stdout.write(f"{part}: {figures['CPU seconds']} CPU seconds\n")
    write_page(said.out)


def _installed() -> Path:
    from longtake_ltx2_tiny.weights import checkpoint

    return checkpoint()


if __name__ == "__main__":
    main()
