"""What a listing imports. Counted in modules, because seconds depend on the machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from longtake.testing import FakeDistributions
from tests.rules.sources import sdk_sources

HEAVY = {
    "PIL",
    "accelerate",
    "av",
    "cattrs",
    "cryptography",
    "diffusers",
    "numpy",
    "peft",
    "safetensors",
    "scipy",
    "torch",
    "tqdm",
    "transformers",
}
NUM_PLUGINS = 20
NEEDED = {"pluggy"}
"""The only package from elsewhere that a listing imports: it finds the hooks of plugins."""
MAX_OWN_MODULES = 28
"""Packages are not counted: they are empty, or lazy, which another rule holds. Five of them
are of commands, authenticators, dispatchers and extensions, which plugins of the workspace add."""
MAX_MODULES = 100
"""Half of them are those of ``NEEDED``, and what they import."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> FakeDistributions:
    """Twenty plugins with a family of three presets each."""
    install = FakeDistributions(tmp_path_factory.mktemp("installed"))
    for index in range(NUM_PLUGINS):
        install.add_family(f"longtake-fake{index}", family=f"fake{index}")
    return install


def modules_after(installed: FakeDistributions, code: str) -> set[str]:
    """The names in ``sys.modules`` after ``code`` that were not there before."""
    report = "sys.stderr.write(' '.join(sys.modules.keys() - before))"
    done = installed.python("-c", f"import sys; before = set(sys.modules)\n{code}\n{report}")
    assert done.code == 0, done.err
    return set(done.err.split())


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def sdk_packages() -> set[str]:
    return {source.module for source in sdk_sources() if source.path.name == "__init__.py"}


LISTING = """
from longtake.cli import main
assert main(["{command}", "--json"]) == 0
"""


@pytest.mark.parametrize("command", ["families", "presets", "plugins"])
def test_listing_twenty_plugins_imports_nothing_heavy(
    installed: FakeDistributions, command: str
) -> None:
    modules = modules_after(installed, LISTING.format(command=command))
    assert HEAVY.isdisjoint(packages(modules))
    assert {f"longtake_fake{index}" for index in range(NUM_PLUGINS)} <= modules


@pytest.mark.parametrize("command", ["families", "presets", "plugins"])
def test_what_plugins_declare_needs_no_attrs(installed: FakeDistributions, command: str) -> None:
    code = f'from longtake.cli import main\nassert main(["{command}"]) == 0'
    modules = modules_after(installed, code)
    assert {"attr", "attrs", "cattrs"}.isdisjoint(packages(modules))
    assert "longtake.schema.frozen" in modules


def test_listing_schemas_imports_nothing_heavy(installed: FakeDistributions) -> None:
    pytest.importorskip("longtake_ltx2")
    code = 'from longtake.cli import main\nassert main(["presets", "ltx2", "--json"]) == 0'
    modules = modules_after(installed, code)
    assert HEAVY.isdisjoint(packages(modules))
    assert "longtake.schema.json_schema" in modules


def test_listing_imports_few_modules(installed: FakeDistributions) -> None:
    modules = modules_after(installed, LISTING.format(command="families"))
    shared = {module for module in modules if not module.startswith("longtake_")}
    own = {module for module in shared if module.partition(".")[0] == "longtake"}
    assert packages(shared - own) - sys.stdlib_module_names == NEEDED
    modules_of_code = own - sdk_packages()
    assert len(modules_of_code) <= MAX_OWN_MODULES, "\n".join(sorted(modules_of_code))
    assert len(shared) <= MAX_MODULES, sorted(shared)


METADATA_READS = """
reads = []

def note(event, arguments):
    if event == "open" and str(arguments[0]).rpartition("/")[0].endswith(".dist-info"):
        reads.append(arguments[0])

sys.addaudithook(note)
from longtake.cli import main
assert main(["families"]) == 0
sys.stderr.write("\\n".join(reads))
"""


def test_listing_reads_each_file_of_metadata_once_and_names_of_plugins_alone(
    installed: FakeDistributions,
) -> None:
    done = installed.python("-c", f"import sys\n{METADATA_READS}")
    assert done.code == 0, done.err
    reads = [Path(line) for line in done.err.splitlines()]
    assert len(reads) == len(set(reads))
    assert {path.name for path in reads} == {"entry_points.txt", "METADATA"}
    named = {path.parent for path in reads if path.name == "METADATA"}
    assert len(named) >= NUM_PLUGINS
    listed = [installed.folder / each / "entry_points.txt" for each in named]
    assert all("[longtake]" in path.read_text("utf-8") for path in listed)


def test_listing_knows_all_twenty(installed: FakeDistributions) -> None:
    assert {f"fake{index}" for index in range(NUM_PLUGINS)} <= installed.families()
    presets = [each["name"] for each in installed.listed("presets")]
    assert sum(name.startswith("fake") for name in presets) == 3 * NUM_PLUGINS


def test_importing_the_facade_imports_nothing_else(installed: FakeDistributions) -> None:
    assert modules_after(installed, "import longtake") == {"longtake", "__future__"}


def test_declaring_a_family_imports_nothing_heavy(installed: FakeDistributions) -> None:
    modules = modules_after(installed, "import longtake_fake0 as p; p.longtake_families()")
    assert HEAVY.isdisjoint(packages(modules))
    assert {"click", "json", "logging"}.isdisjoint(packages(modules))


def test_own_family_is_declared_without_anything_heavy(installed: FakeDistributions) -> None:
    pytest.importorskip("longtake_ltx2")
    modules = modules_after(installed, "import longtake_ltx2.plugin as p; p.longtake_families()")
    assert HEAVY.isdisjoint(packages(modules))


def test_help_loads_no_plugin(
    installed: FakeDistributions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code = 'from longtake.cli import main\nassert main(["--help"]) == 0'
    modules_after(installed, code)  # which asks the plugins once what they add
    modules = modules_after(installed, code)
    assert not any(module.startswith("longtake_") for module in modules)
    assert {"attr", "pluggy", "importlib.metadata"}.isdisjoint(modules)


def test_the_modules_of_this_test_are_seen(installed: FakeDistributions) -> None:
    """Guards the tests above: what is imported does show."""
    assert "numpy" in packages(modules_after(installed, "import longtake.media.writer, numpy"))
