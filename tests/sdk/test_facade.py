"""``import longtake as lt``: everything public is there, and nothing else is."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path
from types import GenericAlias, UnionType

import pytest

import longtake as lt

SOURCE = Path(lt.__file__)
NAMES: list[str] = lt.__all__  # type: ignore[attr-defined]  # only there at run time


def names_for_type_checkers() -> dict[str, str]:
    """Module by name, from the imports under ``if TYPE_CHECKING``."""
    branch = next(node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If))
    imports = [node for node in branch.body if isinstance(node, ast.ImportFrom)]
    assert all(alias.asname == alias.name for node in imports for alias in node.names)
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_type_checkers_and_python_see_the_same_names() -> None:
    homes = names_for_type_checkers()
    assert sorted(homes) == sorted(NAMES)
    for name, module in homes.items():
        assert getattr(lt, name) is getattr(importlib.import_module(module), name)


def test_promised_names_are_public() -> None:
    promised = """
        PipelineStage BlobStore ContinuationState ContinuationCodec ModelFamily Preset StageSpec
        BlobBackend GenerationRequest Sampling Inputs Output GenerationResult Progress Partial Final
        Run Pipeline Session Registry hookimpl load open_blob_store LongtakeError ValidationError
        Recipe SupportsSummary SupportsEstimate estimate_stage
    """
    assert set(promised.split()) <= set(NAMES)


def test_dir_lists_every_public_name() -> None:
    assert set(NAMES) <= set(dir(lt))


def test_star_import_brings_exactly_the_public_names() -> None:
    namespace: dict[str, object] = {}
    exec("from longtake import *", namespace)
    assert sorted(namespace.keys() - {"__builtins__"}) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_public_names_say_what_they_are(name: str) -> None:
    value = getattr(lt, name)
    if isinstance(value, UnionType | GenericAlias) or name == "hookimpl":
        return  # an alias has no docstring of its own, nor has pluggy's marker
    assert inspect.isclass(value) or inspect.isfunction(value)
    assert value.__doc__
    assert not value.__doc__.startswith(f"{name}("), "what attrs or dataclasses make up"


def test_misspelt_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'longtake' has no attribute 'Pipline'"):
        lt.Pipline  # type: ignore[attr-defined]  # noqa: B018


def test_mypy_refuses_a_misspelt_name(tmp_path: Path) -> None:
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    snippet = tmp_path / "snippet.py"
    snippet.write_text(
        "import longtake as lt\n"
        "right: lt.GenerationRequest = lt.GenerationRequest('a prompt')\n"
        "wrong = lt.GenerationRequst('a prompt')\n"
        "typed: int = lt.GenerationRequest('a prompt')\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run(
        [*command, str(snippet)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    errors = [line for line in done.stdout.splitlines() if "snippet.py" in line]
    assert len(errors) == 2, done.stdout
    assert 'snippet.py:3: error: Module has no attribute "GenerationRequst"' in errors[0]
    assert "snippet.py:4: error: Incompatible types in assignment" in errors[1]
