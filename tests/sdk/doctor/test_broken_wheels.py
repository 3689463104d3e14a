"""Wheels that are broken in many ways: ``longtake doctor`` names the plugin, the place, and why."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import field, frozen

from longtake.testing import FakeDistributions
from longtake.testing.distributions import Finished

WHOLE: Mapping[str, str] = {
    "__init__.py": """
import longtake as lt
from NAME.states import CODECS

STAGES = (
    lt.StageSpec("mist", "NAME.stages:Mist", options="NAME.options:MistOptions"),
    lt.StageSpec("paint", "NAME.stages:Paint", arguments={"shade": 3}),
)

@lt.hookimpl
def longtake_families():
    return [
        lt.ModelFamily(
            "NAME",
            STAGES,
            codecs=CODECS,
            load="NAME.loading:load",
            options="NAME.options:LoadOptions",
            place="NAME.loading:place",
            published="NAME.loading:PUBLISHED",
            presets=(
                lt.Preset("NAME_plain", stage_defaults={"mist": {"density": 0.25}}),
                lt.Preset(
                    "NAME_thick",
                    stages="NAME.presets:thick",
                    overrides={"paint": "NAME.options:PaintOverride"},
                    defaults={"negative_prompt": lt.Reference("NAME.presets:NEGATIVE")},
                ),
            ),
        )
    ]

@lt.hookimpl
def longtake_blob_stores():
    return [lt.BlobBackend("NAME", "NAME.store:open_store")]
""",
    "states.py": """
import longtake as lt
from attrs import frozen

@frozen
class State:
    segment_index: int
    take_defaults: dict

CODECS = (lt.AttrsCodec("NAME.v1", State),)
""",
    "stages.py": """
from attrs import frozen
import longtake as lt
from NAME.options import MistOptions

@frozen
class Shades:
    values: tuple

class Mist:
    def check(self, job: lt.Job, options: MistOptions) -> None: ...
    def __call__(self, options: MistOptions, run: lt.Run) -> Shades: ...

class Paint:
    def __init__(self, networks, shade): raise AssertionError("there is no network here")
    def __call__(self, shades: Shades) -> lt.Frames: ...
""",
    "options.py": """
from attrs import frozen

@frozen(kw_only=True)
class MistOptions:
    density: float = 0.5

@frozen(kw_only=True)
class PaintOverride:
    coats: int = 1

@frozen(kw_only=True)
class LoadOptions:
    shard: int = 0
""",
    "presets.py": """
from NAME import STAGES
NEGATIVE = "no sun"

def thick(*, paint): return STAGES
""",
    "loading.py": """
import longtake as lt

PUBLISHED = ()

class Place: ...

def load(source): raise AssertionError("nothing is loaded")
def place(job, state) -> Place: ...
""",
    "store.py": """
from longtake.blobs.memory import MemoryBlobStore
def open_store(url): return MemoryBlobStore()
""",
}
"""A package that is well, by file; ``NAME`` is its name."""


@frozen
class Broken:
    """What is changed: ``{file: None}`` is left out, ``{file: (old, new)}`` replaced.

    ``status``: how the table sums it up. ``says``: what stands below the plugin's name; ``NAME`` is
    its name. ``requires``: of its metadata.
    """

    status: str
    says: str
    files: Mapping[str, tuple[str, str] | None] = field(factory=dict)
    requires: tuple[str, ...] = ()


def missing(module: str, place: str, name: str) -> Broken:
    """A module of the wheel that was left out."""
    says = rf"failed {place} 'NAME.{module}:{name}': No module named 'NAME.{module}'"
    return Broken("failed in targets", says, {f"{module}.py": None})


def breaks_import(file: str, old: str, new: str, says: str) -> Broken:
    return Broken("failed in targets", says, {file: (old, new)})


def unwired(file: str, old: str, new: str, says: str) -> Broken:
    return Broken("failed in wiring", says, {file: (old, new)})


STORE = 'lt.BlobBackend("NAME", "NAME.store:open_store")'
HOOK = "def longtake_families"
BROKEN = {
    "no_stages": missing("stages", r"family 'NAME': stages\[0\].stage", "Mist"),
    "no_options": missing("options", r"family 'NAME': stages\[0\].options", "MistOptions"),
    "no_builder": missing("presets", r"family 'NAME': presets\['NAME_thick'\].stages", "thick"),
    "no_loader": missing("loading", "family 'NAME': load", "load"),
    "no_store": missing("store", "blob store 'NAME': open", "open_store"),
    "no_states": Broken("failed in import", "No module named 'NAME.states'", {"states.py": None}),
    "no_attribute": breaks_import(
        "stages.py",
        "class Paint",
        "class Print",
        r"'NAME.stages:Paint': module 'NAME.stages' has no attribute 'Paint'",
    ),
    "no_reference": breaks_import(
        "presets.py",
        "NEGATIVE",
        "POSITIVE",
        r"presets\['NAME_thick'\].defaults.negative_prompt 'NAME.presets:NEGATIVE': module",
    ),
    "no_call": breaks_import(
        "loading.py",
        'def load(source): raise AssertionError("nothing is loaded")',
        "load = 3",
        "load 'NAME.loading:load': it is 3",
    ),
    "syntax": breaks_import("stages.py", "class Mist:", "class Mist", "SyntaxError: expected ':'"),
    "leaves": breaks_import("store.py", "def", "raise SystemExit(3)\ndef", "SystemExit: 3"),
    "dies": breaks_import(
        "store.py",
        "def",
        "import os; os._exit(3)\ndef",
        "blob store 'NAME': open 'NAME.store:open_store': its process ended with status 3",
    ),
    "hangs": breaks_import(
        "loading.py",
        "PUBLISHED",
        "while True: pass\nPUBLISHED",
        "family 'NAME': load 'NAME.loading:load': no answer within .* in <module>",
    ),
    "no_producer": unwired(
        "stages.py",
        "-> Shades",
        "-> None",
        "preset 'NAME_plain' of family 'NAME': stage 'paint' needs a Shades, but no earlier stage",
    ),
    "no_annotation": unwired(
        "stages.py", "shades: Shades", "shades", "parameter 'shades' has no annotation"
    ),
    "no_parameter": unwired(
        "stages.py", ", shade)", ")", r"'paint' \(Paint\) has no constructor parameter 'shade'"
    ),
    "no_picture": unwired(
        "stages.py", "-> lt.Frames", "-> None", "makes neither Frames nor a Waveform"
    ),
    "knows_too_much": unwired(
        "stages.py", "check(self, job: lt.Job", "check(self, run: lt.Run", "asks for a Run"
    ),
    "no_option": unwired(
        "options.py", "density", "thickness", "stage_defaults.mist.density: unknown field"
    ),
    "no_default": unwired(
        "options.py", "float = 0.5", "float", "MistOptions.density has no default"
    ),
    "no_schema": unwired(
        "options.py",
        "float = 0.5",
        "object = 0.5",
        "MistOptions.density: there is no schema of the type",
    ),
    "no_override": unwired(
        "options.py", "coats: int = 1", "coats: int", "PaintOverride.coats has no default"
    ),
    "no_keyword": unwired(
        "presets.py", "*, paint", "", "preset 'NAME_thick' cannot build its recipe: TypeError"
    ),
    "no_place": unwired(
        "loading.py", "-> Place", "", "return annotation of its place must name a class"
    ),
    "no_checkpoint": unwired(
        "loading.py", "PUBLISHED = ()", "PUBLISHED = (1,)", "published has a int, not a Published"
    ),
    "no_fields": unwired(
        "options.py",
        "@frozen(kw_only=True)\nclass LoadOptions",
        "class LoadOptions",
        "family 'NAME': options: the keywords of lt.load are not an attrs class",
    ),
    "two_states": unwired(
        "states.py",
        "CODECS = (",
        "@frozen\nclass Other(State): ...\n\nCODECS = (lt.AttrsCodec('NAME.v0', Other), ",
        "family 'NAME': the codecs of 'NAME.v0' and 'NAME.v1' have two typed states, Other and",
    ),
    "misspelt": Broken(
        "failed in hooks",
        "unknown hook 'longtake_familys'",
        {"__init__.py": (HOOK, f"{HOOK[:-3]}ys")},
    ),
    "gives_less": Broken(
        "failed in hooks",
        "longtake_blob_stores must return a list, it returned a BlobBackend",
        {"__init__.py": (f"[{STORE}]", STORE)},
    ),
    "lacks": Broken(
        "lacks a package",
        r"requires +a-package-that-nobody-has>=2; it is not installed",
        requires=("a-package-that-nobody-has>=2",),
    ),
    "outdated": Broken(
        "lacks a package", r"requires +droplets<1.5; 1.5 is installed", requires=("droplets<1.5",)
    ),
    "same": Broken(
        "name clash",
        r"the blob store scheme 'gives_all' is provided by gives_all 0.1 .main. and same 0.1",
        {"__init__.py": ('lt.BlobBackend("NAME"', 'lt.BlobBackend("gives_all"')},
    ),
}


def install(
    installed: FakeDistributions,
    name: str,
    files: Mapping[str, tuple[str, str] | None],
    *headers: str,
) -> None:
    """The distribution ``name`` with a package: the whole one, but for ``files``."""
    installed.add(name, None)
    package = installed.folder / name
    package.mkdir()
    for file, source in WHOLE.items():
        change = files.get(file, ("", ""))
        if change is not None:
            assert change[0] in source, "there is nothing to change"
            code = source.replace(*change) if change[0] else source
            (package / file).write_text(code.replace("NAME", name))
    metadata = installed.folder / f"{name}-0.1.dist-info" / "METADATA"
    metadata.write_text("\n".join([metadata.read_text().strip(), *headers, ""]))


def doctor(installed: FakeDistributions, *names: str, json: bool = False) -> Finished:
    options = ["--json"] if json else []
    command = ["-m", "longtake", "doctor", "--timeout", "5", *options]
    return installed.python(*command, LONGTAKE_PLUGINS=",".join(names), COLUMNS="100")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """What is said when all of them are installed, and two that are well."""
    installed = FakeDistributions(tmp_path_factory.mktemp("installed"))
    installed.add("droplets", None, version="1.5", entry_points={})
    install(installed, "well", {})
    install(installed, "gives_all", {})
    for name, broken in BROKEN.items():
        install(installed, name, broken.files, *(f"Requires-Dist: {r}" for r in broken.requires))
    return doctor(installed, "well", "gives_all", *BROKEN)


def section(report: Finished, name: str) -> str:
    """What stands below the plugin's name, in one line."""
    found = [each for each in report.out.split("\n\n") if each.startswith(f"{name}:main\n")]
    assert len(found) == 1, report.out
    return " ".join(found[0].split())


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named_with_its_place_and_why(report: Finished, name: str) -> None:
    broken = BROKEN[name]
    [row] = [line for line in report.out.splitlines() if line.startswith(f"{name}:main ")]
    assert row.endswith(f"  {broken.status}")
    assert re.search(broken.says.replace("NAME", name), section(report, name)), section(
        report, name
    )


def test_a_package_that_is_well_says_only_what_it_provides(report: Finished) -> None:
    assert re.fullmatch(r"well:main provides family:well, [^']*", section(report, "well"))


def test_the_last_line_counts_what_is_broken_and_so_does_the_exit_code(report: Finished) -> None:
    clashing = 1  # the other side of a clash
    total = len(BROKEN) + 2
    last = report.out.splitlines()[-1]
    kept_out = int(last.split()[0]) - total
    assert kept_out >= 0
    assert last == f"{total + kept_out} plugins, {len(BROKEN) + clashing} with errors"
    assert report.code == 1


def test_all_that_is_broken_of_one_plugin_is_told_once(
    longtake_distributions: FakeDistributions,
) -> None:
    install(longtake_distributions, "fog", {"stages.py": None, "store.py": None})
    done = doctor(longtake_distributions, "fog", json=True)
    document: dict[str, Any] = json.loads(done.out)
    [fog] = [each for each in document["plugins"] if each["distribution"] == "fog"]
    assert [problem["text"].partition(":")[0] for problem in fog["problems"]] == [
        "family 'fog'",
        "family 'fog'",
        "blob store 'fog'",
    ]
    assert (fog["phase"], fog["reason"]) == ("targets", fog["problems"][0]["text"])
    assert (done.code, document["ok"]) == (1, False)


@pytest.mark.parametrize(
    "imported", ["import puddles", "raise lt.MissingDependencyError('puddles', 'mist')"]
)
def test_what_needs_an_extra_is_said_and_is_no_error(
    longtake_distributions: FakeDistributions, imported: str
) -> None:
    wet = ("Provides-Extra: wet", "Requires-Dist: puddles>=2; extra == 'wet'")
    changed = {"stages.py": ("import longtake as lt", f"import longtake as lt\n{imported}")}
    install(longtake_distributions, "fog", changed, *wet)
    install(longtake_distributions, "ice", changed)
    assert doctor(longtake_distributions, "ice").code == 1
    done = doctor(longtake_distributions, "fog")
    said = section(done, "fog")
    assert "extra fog[wet] lacks puddles>=2 " in said
    assert "extra family 'fog': stages[0].stage 'fog.stages:Mist': " in said
    assert "it comes with fog[wet]" in said
    assert done.out.splitlines()[-1].endswith("none with errors")
    assert done.code == 0


def test_what_libraries_print_when_they_are_used_is_no_word_of_the_plugin(
    longtake_distributions: FakeDistributions,
) -> None:
    changed = {"stages.py": ("import longtake", "print('hello')\nimport longtake")}
    install(longtake_distributions, "fog", changed)
    done = doctor(longtake_distributions, "fog")
    assert "prints" not in section(done, "fog")
    assert done.code == 0


OWN = (
    "longtake",
    "longtake-ltx2",
    "longtake-ltx2-tiny",
    "longtake-objectstore",
    "longtake-otel",
    "longtake-postgres",
    "longtake-redis",
)


def test_our_own_plugins_are_well(longtake_distributions: FakeDistributions) -> None:
    done = longtake_distributions.python(
        "-m", "longtake", "doctor", "--json", LONGTAKE_PLUGINS=",".join([*OWN, "longtake-pendulum"])
    )
    document: dict[str, Any] = json.loads(done.out)
    found = [each for each in document["plugins"] if each["status"] != "blocked"]
    assert "longtake" in [each["distribution"] for each in found]
    assert [(each["problems"], each["awaiting_extras"]) for each in found] == [([], [])] * len(
        found
    )
    assert (done.code, document["ok"]) == (0, True)


@pytest.mark.parametrize("kind", ["family", "blob-store"])
def test_a_generated_package_is_well(longtake_distributions: FakeDistributions, kind: str) -> None:
    made = longtake_distributions.python("-m", "longtake", "new", kind, "demo")
    assert made.code == 0, made.err
    [package] = longtake_distributions.folder.glob("longtake-demo*/src/*")
    package.rename(longtake_distributions.folder / package.name)
    longtake_distributions.add(package.name.replace("_", "-"), None)
    done = doctor(longtake_distributions, package.name)
    assert "provides" in section(done, package.name.replace("_", "-"))
    assert done.out.splitlines()[-1].endswith("none with errors"), done.out
    assert done.code == 0
