"""The source files that the rules are about, parsed once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[2]
SDK = ROOT / "sdk" / "src" / "longtake"


@frozen
class Source:
    """One Python file: ``module`` is its dotted name, ``package`` its distribution's folder."""

    path: Path
    module: str
    package: Path
    text: str
    tree: ast.Module

    def at(self, node: ast.AST) -> str:
        """Where ``node`` is, for a message."""
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


@cache
def sdk_sources() -> tuple[Source, ...]:
    return tuple(_sources_in(ROOT / "sdk"))


@cache
def plugin_sources() -> tuple[Source, ...]:
    """Families and contributions."""
    folders = [*(ROOT / "families").glob("*"), *(ROOT / "contrib").glob("*")]
    return tuple(source for folder in sorted(folders) for source in _sources_in(folder))


def all_sources() -> tuple[Source, ...]:
    return sdk_sources() + plugin_sources()


def _sources_in(package: Path) -> Iterator[Source]:
    folder = package / "src"
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        parts = path.relative_to(folder).with_suffix("").parts
        module = ".".join(parts).removesuffix(".__init__")
        yield Source(path, module, package, text, ast.parse(text))


def imports_of(source: Source) -> Iterator[tuple[ast.AST, str, str | None]]:
    """Every import, wherever it stands: the node, the module, and the name taken from it."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.at(node)}: imports are absolute"
            yield from ((node, str(node.module), alias.name) for alias in node.names)
