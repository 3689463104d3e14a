"""What the documents show works, where they point there is something, and nothing public lacks."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import attrs
import pytest

import longtake as lt
from docs.drawings.tutorial import tutorial_family
from docs.tutorials.second_version import CODECS
from longtake import hookspecs
from longtake.cli import main
from longtake.plugins.api_version import API_VERSION
from longtake.plugins.loading import load_plugin

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_generated" not in page.parts)
DOCUMENTS = [ROOT / "README.md", *PAGES, *sorted(ROOT.glob("contrib/**/README.md"))]

INNER = {
    "longtake.plugins.loading.Plugin",
    "longtake.plugins.registry.Provided",
    "longtake.settings.Settings",
}
"""What public names have in their signatures, and whose own names are not public."""


def python_blocks(document: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)


def code_block(document: Path, beginning: str) -> str:
    (block,) = (block for block in python_blocks(document) if block.startswith(beginning))
    return block


def test_the_family_of_the_plugin_page_works(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("longtake_fog")
    monkeypatch.setitem(sys.modules, "longtake_fog", module)
    exec(code_block(DOCS / "plugins.md", "import longtake as lt"), vars(module))
    (fog,) = module.longtake_families()
    with lt.load(family=fog, preset_overrides={"paint": {"coats": 2}}) as pipeline:
        assert [spec.name for spec in pipeline.recipe] == ["paint", "paint"]
        request = lt.GenerationRequest("fog", stage_overrides={"paint": {"haze": 0.25}})
        result = pipeline.generate(request)
    assert result.frames.shape == (25, 64, 96, 3)
    assert (result.frames == 63).all()


def test_the_plugin_page_names_every_field_of_a_family() -> None:
    text = (DOCS / "plugins.md").read_text()
    needed = {"name", "stages", "description"}
    optional = set(inspect.signature(lt.ModelFamily).parameters) - needed
    table = {
        name
        for row in re.findall(r"^\| (`.*?) \|", text, re.M)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert optional <= table


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    for target in targets:
        assert (document.parent / target).exists(), target


def test_the_readme_has_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    for session in ("demo", "tests"):
        assert f"\npython3 -m pip install nox && python3 -m nox -s {session}\n" in text


def test_every_page_is_in_the_contents() -> None:
    listed = re.findall(r"^[\w/-]+$", (DOCS / "index.md").read_text(), re.MULTILINE)
    parts = {"benchmarks/figures", "quality/figures"}  # of the pages beside them
    pages = {str(page.relative_to(DOCS).with_suffix("")) for page in PAGES} - {"index"} - parts
    assert sorted(listed) == sorted(pages)


DIRECTIVE = re.compile(r"^\.\. (?:auto|py:)\w+:: (longtake[\w.]*)$((?:\n   .*)*)", re.MULTILINE)

PUBLIC_OF_LTX2 = (
    *("longtake_ltx2", "continuation", "presets"),
    *("stages", "stage_overrides", "values"),
)
"""The package, and its modules of which everything in ``__all__`` is public."""

FURTHER_OF_LTX2 = {
    "longtake_ltx2.clock.SegmentClock",
    "longtake_ltx2.pipeline_configs.LTX2T2VConfig",
}


def documented() -> list[tuple[str, str]]:
    """Names in the order of the reference, each with the options of its directive."""
    pages = sorted((DOCS / "reference").glob("*.md"))
    return [found for page in pages for found in DIRECTIVE.findall(page.read_text())]


def public_names(module: Any) -> set[str]:
    return {f"{module.__name__}.{name}" for name in module.__all__}


def test_every_public_name_has_its_place_in_the_reference() -> None:
    testing = pytest.importorskip("longtake.testing")
    names = [name for name, _ in documented() if not name.startswith("longtake_")]
    assert len(names) == len(set(names))
    assert set(names) - INNER == public_names(lt) | public_names(testing)


def test_so_has_every_public_name_of_ltx2() -> None:
    root, *modules = PUBLIC_OF_LTX2
    found = [importlib.import_module(name) for name in (root, *(f"{root}.{m}" for m in modules))]
    names = [name for name, _ in documented() if name.startswith(root)]
    assert len(names) == len(set(names))
    assert set(names) == set().union(*map(public_names, found)) | FURTHER_OF_LTX2


def test_every_member_of_a_public_class_is_listed() -> None:
    wrong: dict[str, set[str]] = {}
    for name, options in documented():
        listed = re.findall(r":members: (.*)", options)
        target = found(name)
        is_ours = not name.startswith("longtake_")
        if is_ours and inspect.isclass(target) and name not in INNER:
            expected = set(members(target))
            given = set(listed[0].split(", ")) if listed else set()
            wrong |= {name: expected ^ given} if expected != given else {}
    assert wrong == {}


def found(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(sys.modules.get(module) or __import__(module, fromlist=["_"]), attribute)


_MEMBERS = (FunctionType, property, classmethod, staticmethod)
"""Not fixtures: a page of its own is about those of the contracts."""


def members(cls: type) -> Iterator[str]:
    """Public methods and properties, those of Longtake's own parents included; no tests.

    What every `longtake.Frozen` has is said there alone.
    """
    for parent in cls.__mro__:
        is_said_there = parent is lt.Frozen and cls is not parent
        if parent.__module__.partition(".")[0] == "longtake" and not is_said_there:
            for name, value in vars(parent).items():
                is_member = isinstance(value, _MEMBERS)
                if is_member and not name.startswith(("_", "test_")):
                    yield name


def test_the_table_of_errors_names_them_all_with_what_they_are() -> None:
    text = (DOCS / "reference" / "errors.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", text, re.MULTILINE))
    errors = [name for name in public_names(lt) if is_error(found(name))]
    roots = {"longtake.LongtakeError", "longtake.BlobError", "longtake.SessionError"}
    assert {f"longtake.{name}" for name in rows} == set(errors) - roots
    for name, parent in rows.items():
        known = {cls.__name__ for cls in found(f"longtake.{name}").__mro__}
        assert parent in known, name


def is_error(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, lt.LongtakeError)


def hook_sections() -> dict[str, str]:
    text = (DOCS / "reference" / "hooks.md").read_text()
    _, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    return {name.strip(): body for name, body in (section.split("\n", 1) for section in sections)}


def specified_hooks() -> dict[str, ast.FunctionDef]:
    tree = ast.parse(inspect.getsource(hookspecs))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_hook_has_a_heading_and_every_heading_is_a_hook() -> None:
    assert list(hook_sections()) == list(specified_hooks())


@pytest.mark.parametrize("hook", specified_hooks().values(), ids=lambda hook: str(hook.name))
def test_the_signature_of_a_hook_is_the_specified_one(hook: ast.FunctionDef) -> None:
    section = hook_sections()[hook.name]
    (shown,) = ast.parse(re.findall(r"```python\n(.*?)```", section, re.DOTALL)[0]).body
    assert isinstance(shown, ast.FunctionDef)
    assert shown.name == hook.name
    assert ast.unparse(shown.args) == ast.unparse(hook.args)
    assert shown.returns is not None and hook.returns is not None
    assert ast.unparse(shown.returns) == ast.unparse(hook.returns)
    assert str(ast.get_docstring(hook)) in section


@pytest.mark.parametrize("name", specified_hooks())
def test_what_is_said_of_a_hook_is_whole_and_its_example_works(name: str) -> None:
    section = hook_sections()[name]
    for word in ("**Returned**", "**Used by**"):
        assert word in section
    module = ModuleType("longtake_example")
    exec(re.findall(r"```python\n(import.*?)```", section, re.DOTALL)[0], vars(module))
    plugin = load_plugin("example", "longtake-example", "0", partial(lambda: module))
    assert (plugin.status, plugin.error) == ("loaded", None)
    assert len(plugin.provides) >= 1


def test_the_settings_are_those_that_are_read() -> None:
    source = (ROOT / "sdk" / "src" / "longtake" / "settings.py").read_text()
    read = set(re.findall(r'environment\.get\("(\w+)"', source))
    rows = re.findall(r"^\| (`.*?) \|", (DOCS / "reference" / "settings.md").read_text(), re.M)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == read


def test_the_stability_page_has_the_numbers_of_today() -> None:
    text = (DOCS / "stability.md").read_text()
    assert f"| package | {'.'.join(lt.__version__.split('.')[:2])} |" in text
    assert f"| SDK API | {'.'.join(map(str, API_VERSION))} |" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_the_code_of_a_page_is_python(page: Path) -> None:
    for block in python_blocks(page):
        ast.parse(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_the_names_that_code_and_prose_use_are_public(page: Path) -> None:
    text = page.read_text()
    used = {*re.findall(r"\blt\.(\w+)", text), *re.findall(r"\blongtake\.([A-Z]\w+)", text)}
    public: list[str] = lt.__all__  # type: ignore[attr-defined]  # only there at run time
    assert used <= {*public, "__all__"}


def test_the_second_kind_of_the_tutorials_state_reads_and_writes_the_first() -> None:
    with lt.load(family=tutorial_family()) as pipeline:
        session = lt.Session(pipeline, sampling=lt.Sampling(height=32, width=32, num_frames=17))
        session.extend("a ball")
        assert session.state is not None
        (codec,) = pipeline.family.codecs
        newer, older = CODECS
        first, second = codec.decode(session.state), older.decode(session.state)
    assert (second.ball, second.tone, second.span) == (first.ball, first.tone, first.span)
    assert second.period == 2.0
    assert newer.decode(newer.encode(second)) == second
    assert older.encode(second) == session.state
    with pytest.raises(lt.ValidationError, match="period"):
        older.encode(attrs.evolve(second, period=4.0))


def test_the_tests_of_the_testing_page_pass(tmp_path: Path) -> None:
    (tmp_path / "longtake_fog.py").write_text(code_block(DOCS / "plugins.md", "import longtake"))
    for number, block in enumerate(python_blocks(DOCS / "how-to" / "test-a-plugin.md")):
        (tmp_path / f"test_{number}.py").write_text(block)
    chosen = "not TestFog or test_declaring_imports_nothing_heavy"
    command = [sys.executable, "-m", "pytest", "-q", "-k", chosen, "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert re.match(r"\.+ +\[100%\]\n3 passed", done.stdout), done.stdout + done.stderr


def shown_commands() -> dict[str, set[str]]:
    """The commands in all documents, each with the options that it is shown with."""
    shown: dict[str, set[str]] = {}
    for document in DOCUMENTS:
        for block in re.findall(r"^```(?:sh)?\n(.*?)^```", document.read_text(), re.M | re.S):
            for command, rest in re.findall(
                r"^(?:\w+=\S+ )?longtake ((?:sessions )?\w+)\b([^|#\n]*)", block, re.M
            ):
                shown.setdefault(command, set()).update(re.findall(r"--[a-z-]+", rest))
    return shown


@pytest.mark.parametrize(("command", "options"), sorted(shown_commands().items()))
def test_the_commands_that_are_shown_exist(
    command: str, options: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "--help"]) == 0
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    assert options <= known


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    options = ["-W", "-n", "--keep-going", "-q", "-b", "html", "-d", str(tmp_path / "doctrees")]
    command = [sys.executable, "-m", "sphinx", *options, "docs", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "index.html").is_file()
