"""The blocks of code in the repository's documents, each with where it stands."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen

__all__ = ["DOCUMENTS", "ROOT", "Block", "blocks_of", "commands_of"]

ROOT = Path(__file__).parents[2]


def _documents() -> list[Path]:
    """Every page that people read; templates of packages are their own test's."""
    folders = ("docs", "sdk", "families", "contrib")
    found = [page for folder in folders for page in (ROOT / folder).rglob("*.md")]
    pages = [page for page in found if not {"_generated", "templates"} & set(page.parts)]
    return sorted([*ROOT.glob("*.md"), *pages])


DOCUMENTS = _documents()

_FENCED = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^    \S[^\n]*\n)+", re.MULTILINE)


@frozen
class Block:
    """``kind``: what stands behind the fence, ``""`` for nothing. ``line``: of the first one."""

    document: Path
    line: int
    kind: str
    text: str

    @property
    def name(self) -> str:
        return str(self.document.relative_to(ROOT))

    @property
    def place(self) -> str:
        return f"{self.name}:{self.line}"


def blocks_of(document: Path) -> list[Block]:
    """All fenced blocks, and indented ones that call `longtake`; directives are the site's."""
    text = document.read_text()
    found = [
        Block(document, _line(text, match.start("text")), match["kind"].strip(), match["text"])
        for match in _FENCED.finditer(text)
        if not match["kind"].startswith("{")
    ]
    rest = _FENCED.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in _INDENTED.finditer(rest):
        lines = re.sub("^    ", "", match[0], flags=re.MULTILINE)
        if lines.startswith("longtake "):
            found.append(Block(document, _line(rest, match.start()), "", lines))
    return sorted(found, key=lambda block: block.line)


def commands_of(block: Block) -> list[str]:
    """The commands of a block, one each; a backslash at a line's end goes on with the next."""
    lines = re.sub(r"\\\n\s*", " ", block.text).splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _line(text: str, start: int) -> int:
    return text[:start].count("\n") + 1
