"""The README's pictures: the contact sheets of the demo, smaller. ``python docs/pictures.py``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).with_name("pictures")
DEMO = Path(__file__).parents[1] / "examples" / "demo.py"

WIDTH = 1200
"""Pixels of each picture."""

PICTURES = {"pendulum.png": "pendulum.webp", "demo.png": "ltx2.webp"}
"""What the demo writes, and what it becomes."""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([sys.executable, str(DEMO), "--once", "--out", out], check=True)
        for name, picture in PICTURES.items():
            with Image.open(Path(out, name)) as sheet:
                height = round(WIDTH * sheet.height / sheet.width)
                smaller = sheet.resize((WIDTH, height), Image.Resampling.LANCZOS)
            smaller.save(FOLDER / picture, quality=82, method=6)


if __name__ == "__main__":
    main()
