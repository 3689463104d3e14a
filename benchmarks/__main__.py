"""Runs benchmarks and makes the documentation's pages: ``python -m benchmarks [PART...]``.

Each part is a process of its own, so that none has another's memory and caches; what it compares
runs in turns within that process. Its figures go to ``docs/benchmarks/PART.json``, and the page
and the charts are made of all such files there: a part that is not run keeps its older figures,
with the day and the machine that they are from. ``--pages`` only makes the page again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.book import write_pages

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs" / "benchmarks"

PARTS = {
    "segment": "segment.py",
    "against-stock": "against_stock.py",
    "memory": "memory.py",
    "going-on": "going_on.py",
    "hand-over": "hand_over.py",
    "blobs": "blobs.py",
    "advance": "advance.py",
    "start-up": "startup.py",
    "bookkeeping": "bookkeeping.py",
    "overlap": "overlap.py",
    "long-take": "long_take_cost.py",
    "sessions": "session_cost.py",
    "first-generate": "first_generate.py",
    "serve-cost": "serve_cost.py",
    "tiling": "tiling.py",
    "real-size": "real_size.py",
    "projections": "projections.py",
}
"""Each part's script, in the order of the page."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 where a part failed, which leaves its older figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--folder", type=Path, default=DOCS, help="where JSON, page and charts go")
    parser.add_argument("--pages", action="store_true", help="run nothing, make the page again")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.parts if name not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    asked.folder.mkdir(parents=True, exist_ok=True)
    names = [] if asked.pages else asked.parts or [*PARTS]
    failed = [name for name in names if not ran(name, asked.folder)]
    write_pages(asked.folder, [*PARTS])
    for name in failed:
        print(f"{name}: failed, its older figures stay", file=sys.stderr)
    return 1 if failed else 0


def ran(name: str, folder: Path) -> bool:
    """Run one part; whether it succeeded."""
    print(f"\n# {name}", flush=True)
    script = str(HERE / PARTS[name])
    done = subprocess.run([sys.executable, script, "--json", str(folder / f"{name}.json")])
    return done.returncode == 0


if __name__ == "__main__":
    raise SystemExit(main())
