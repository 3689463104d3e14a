"""Reading what is in ``deploy/``, as those who use it do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from longtake_serve.command import serve

__all__ = [
    "DEPLOY",
    "PREFIX",
    "ROOT",
    "compose",
    "documents",
    "image_problem",
    "interpolated",
    "pairs",
    "variables_of_settings",
]

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PREFIX = "LONGTAKE_SERVE_"

_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
_IMAGE = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?[\w.-]*|[a-z0-9./:-]+@sha256:[0-9a-f]{64}")


def variables_of_settings() -> set[str]:
    """The variables of the environment that ``longtake serve`` reads as settings."""
    options = [each for each in serve.params if isinstance(each, click.Option)]
    return {str(each.envvar) for each in options if str(each.envvar).startswith(PREFIX)}


def image_problem(image: str) -> str | None:
    """Why the image may be another one tomorrow."""
    return None if _IMAGE.fullmatch(image) else f"{image!r} has no version"


def pairs(path: Path) -> dict[str, str]:
    """The variables of a file of lines ``NAME=value``."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """As docker compose puts variables in; one that must be said and is not is a KeyError."""

    def value(match: re.Match[str]) -> str:
        name, kind, otherwise = match.groups()
        if kind == "-":
            return variables.get(name) or str(otherwise)
        if kind == "?" and not variables.get(name):
            raise KeyError(name)
        return variables[name]

    return _VARIABLE.sub(value, text)


def compose(name: str, variables: Mapping[str, str]) -> Any:
    """The document of a compose file of ``deploy/``."""
    return yaml.safe_load(interpolated((DEPLOY / name).read_text(), variables))


def documents(folder: Path) -> dict[str, Any]:
    """The Kubernetes objects in a folder, by ``Kind/name``."""
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if "metadata" in document:
                found[f"{document['kind']}/{document['metadata']['name']}"] = document
    return found
