"""Imports point one way inside a package, and plugins see the SDK's public names only."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import pytest

import longtake as lt
from tests.rules.graphs import (
    inner_imports,
    is_outside,
    is_within,
    module_graph,
    room_graph,
    room_of,
    sources_of,
)
from tests.rules.layers import LTX2, SDK, Layer, Package
from tests.rules.sources import (
    Source,
    all_sources,
    imports_of,
    plugin_sources,
    sdk_sources,
)

MAX_AT_THE_TOP = 30
"""Files and folders directly under a package: what fits into one drawing, and one head."""

FACADE_USERS = {
    "longtake.cli": "The command line is the SDK's first user.",
    "longtake_ltx2.parallel.ranks": "The version, which all ranks must share.",
}
"""Who may import the facade of its own package."""

packages = pytest.mark.parametrize("package", [SDK, LTX2], ids=lambda package: package.name)


def cycle_in(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def upward_imports(package: Package, modules: Mapping[str, set[str]]) -> list[str]:
    heights = dict(package.rooms())
    return [
        f"{module} imports {each}"
        for module, imported in modules.items()
        for each in sorted(imported)
        if heights[room_of(each)] > heights[room_of(module)]
    ]


@packages
def test_every_room_has_one_layer(package: Package) -> None:
    named = [room for room, _ in package.rooms()]
    assert len(named) == len(set(named))
    assert {room_of(module) for module in module_graph(package)} == set(named)


@packages
def test_imports_point_downwards(package: Package) -> None:
    assert upward_imports(package, module_graph(package)) == []


@packages
def test_no_modules_import_each_other(package: Package) -> None:
    assert cycle_in(module_graph(package)) == []


@packages
def test_no_rooms_import_each_other(package: Package) -> None:
    assert cycle_in(room_graph(module_graph(package))) == []


def test_the_kits_modules_do_not_import_each_other_either() -> None:
    kit = [source for source in sdk_sources() if is_within(source.module, "longtake.testing")]
    graph = {
        source.module: {
            module
            for _, module in inner_imports(source, SDK)
            if is_within(module, "longtake.testing") and module != source.module
        }
        for source in kit
    }
    assert len(graph) > 30
    assert cycle_in(graph) == []


@packages
def test_no_room_imports_what_stands_outside(package: Package) -> None:
    wrong = [
        where
        for source in sources_of(package)
        if not is_outside(source.module, package)
        and not any(is_within(source.module, user) for user in FACADE_USERS)
        for where, module in inner_imports(source, package)
        if is_outside(module, package)
    ]
    assert wrong == []


@packages
def test_a_package_fits_into_one_drawing(package: Package) -> None:
    (folder,) = {s.path.parent for s in sources_of(package) if s.module == package.name}
    names = [path.name for path in folder.iterdir() if path.name != "__pycache__"]
    assert len(names) <= MAX_AT_THE_TOP, sorted(names)


EAGER = {"longtake_ltx2.continuation": {"longtake_ltx2.continuation.v1.names"}}
"""What an ``__init__`` may import at once: constants, from a module that imports nothing."""


def imported_at_once(source: Source) -> set[str]:
    """The modules of its own distribution that importing ``source`` imports right away."""
    root = source.module.partition(".")[0]
    found: set[str] = set()
    waiting: list[ast.stmt] = list(source.tree.body)
    while waiting:
        statement = waiting.pop()
        match statement:
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=other):
                waiting += other
            case ast.If(body=body, orelse=other) | ast.Try(body=body, orelse=other):
                waiting += [*body, *other]
            case ast.Import(names=names):
                found |= {each.name for each in names}
            case ast.ImportFrom(module=str(module)):
                found.add(module)
    return {module for module in found if is_within(module, root)}


def test_importing_a_package_imports_nothing_of_it() -> None:
    """Its ``__init__`` is empty, or lazy: it imports modules when one of its names is asked for."""
    eager = {
        source.module: imported
        for source in all_sources()
        if source.path.name == "__init__.py"
        and not is_within(source.module, "longtake.scaffolding.templates")
        and (imported := imported_at_once(source))
    }
    assert eager == EAGER
    for source in all_sources():
        if any(source.module in allowed for allowed in EAGER.values()):
            assert {module for _, module, _ in imports_of(source)} <= {"__future__", "typing"}


def test_plugins_import_public_names_only() -> None:
    public = {*lt.__all__, "testing"}  # type: ignore[attr-defined]  # only there at run time
    wrong = []
    for source in [*plugin_sources(), *contract_sources()]:
        for node, module, name in imports_of(source):
            is_inner = is_within(module, "longtake") and module != "longtake"
            is_kit = is_within(module, "longtake.testing")
            if (is_inner and not is_kit) or (
                module == "longtake" and name is not None and name not in public
            ):
                wrong.append(f"{source.at(node)}: {module} {name or ''}")
    assert wrong == []


def contract_sources() -> list[Source]:
    """What third parties subclass, and what they begin with: it sees what they see."""
    places = SDK.outside.keys() - {"longtake"}
    found = [s for s in sdk_sources() if any(is_within(s.module, place) for place in places)]
    assert len(found) > len(places)
    return found


def test_plugins_never_import_each_other() -> None:
    owners = {source.module.partition(".")[0]: source.package for source in plugin_sources()}
    wrong = [
        f"{source.at(node)}: {module}"
        for source in plugin_sources()
        for node, module, _ in imports_of(source)
        if owners.get(module.partition(".")[0], source.package) != source.package
    ]
    assert wrong == []


def test_these_rules_see_what_they_forbid() -> None:
    """Guards the tests above."""
    upper = Package("p", (Layer({"low": ""}), Layer({"high": ""})), outside={"p": ""})
    assert upward_imports(upper, {"p.low.a": {"p.high.b"}, "p.high.b": set()}) == [
        "p.low.a imports p.high.b"
    ]
    over_a_third = {"p.a.x": {"p.b.x"}, "p.b.x": {"p.c.x"}, "p.c.x": {"p.a.y"}, "p.a.y": set()}
    assert cycle_in(over_a_third) == []
    assert set(cycle_in(room_graph(over_a_third))) == {"a", "b", "c"}
    modules = module_graph(SDK)
    assert "longtake.errors" in modules["longtake.schema.wire"]
    assert "longtake.media.stills" in modules["longtake.requests.inputs"]  # inside a function
