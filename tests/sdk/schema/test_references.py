"""``"package.module:attribute"``: found when used, and refused by name when there is no such thing.

What a preset does with references is in ``test_resolution``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import longtake as lt
from longtake.schema.references import resolve


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts ``fog_module`` with this code on the path; it is forgotten after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "fog_module", None)  # restored at the end, also if absent now
    del sys.modules["fog_module"]

    def write(code: str) -> None:
        (tmp_path / "fog_module.py").write_text(code)

    return write


def test_the_module_is_imported_when_the_reference_is_used(
    write_module: Callable[[str], None],
) -> None:
    write_module("class Fog:\n    class Thin:\n        density = 3\n")
    reference = lt.Reference("fog_module:Fog.Thin.density")
    assert "fog_module" not in sys.modules
    assert reference.resolve() == 3
    assert "fog_module" in sys.modules


def test_anything_but_a_string_is_what_it_is() -> None:
    for target in (None, dict, [1], test_anything_but_a_string_is_what_it_is):
        assert resolve(target) is target


@pytest.mark.parametrize("target", ["", "fog", "fog.module", ":", "fog:", ":fog"])
def test_a_string_of_another_form_is_refused(target: str) -> None:
    with pytest.raises(lt.PluginError, match=r"not a reference of the form 'package\.module:attr"):
        resolve(target)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_module:fog", "No module named 'no_such_module'"),
        ("json.no_such_module:fog", r"No module named 'json\.no_such_module'"),
        ("json:fog", "has no attribute 'fog'"),
        ("json:loads.fog", "has no attribute 'fog'"),
    ],
)
def test_what_is_not_there_is_named(target: str, reason: str) -> None:
    with pytest.raises(lt.PluginError, match=f"cannot import '{target}': .*{reason}") as refused:
        lt.Reference(target).resolve()
    assert refused.value.__cause__ is not None


def test_an_import_that_fails_inside_the_module_is_blamed_on_the_reference(
    write_module: Callable[[str], None],
) -> None:
    write_module("import a_package_that_nobody_has")
    with pytest.raises(lt.PluginError, match=r"'fog_module:Fog'.*a_package_that_nobody_has"):
        resolve("fog_module:Fog")


def test_another_error_inside_the_module_passes_through(
    write_module: Callable[[str], None],
) -> None:
    write_module("1 / 0")
    with pytest.raises(ZeroDivisionError):
        resolve("fog_module:Fog")


def test_references_are_values() -> None:
    assert lt.Reference("fog:Fog") == lt.Reference("fog:Fog")
    assert len({lt.Reference("fog:Fog"), lt.Reference("fog:Fog")}) == 1
