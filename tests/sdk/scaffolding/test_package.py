"""New packages: what they are called, what is written, and what is refused before it is."""

from __future__ import annotations

import ast
import tomllib
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import longtake as lt
from longtake.plugins.loading import Plugin
from longtake.scaffolding.package import Template, package_name, rendered, write_package
from tests.rules.sources import SDK

TEMPLATES: tuple[Template, ...] = (
    "family",
    "blob_store",
    "session_store",
    "observer",
    "extension",
)
NOTHING = lt.Registry([])
MAX_LINES = {
    "family": 60,
    "blob_store": 35,
    "session_store": 60,
    "observer": 60,
    "extension": 25,
}
"""Of the modules that the tutorials show whole, with blank lines, imports and docstrings."""


def files(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in paths}


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_module_that_a_tutorial_shows_is_short(template: Template) -> None:
    module = (
        SDK
        / "scaffolding"
        / "templates"
        / template
        / "src"
        / package_name(template, "untitled").module
    )
    assert (
        len((module / "__init__.py").read_text(encoding="utf-8").splitlines())
        <= MAX_LINES[template]
    )


@pytest.mark.parametrize(
    ("given", "distribution", "module", "class_name"),
    [
        ("demo", "longtake-demo", "longtake_demo", "Demo"),
        ("my-family", "longtake-my-family", "longtake_my_family", "MyFamily"),
        ("My2_family", "longtake-my2-family", "longtake_my2_family", "My2Family"),
        ("untitled", "longtake-untitled", "longtake_untitled", "Untitled"),
        ("x", "longtake-x", "longtake_x", "X"),
        ("Untitled2", "longtake-untitled2", "longtake_untitled2", "Untitled2"),
        ("my-untitled", "longtake-my-untitled", "longtake_my_untitled", "MyUntitled"),
    ],
)
def test_one_name_gives_all_names(
    given: str, distribution: str, module: str, class_name: str
) -> None:
    name = package_name("family", given)
    assert (name.distribution, name.module, name.class_name) == (distribution, module, class_name)
    assert name.distribution == canonicalize_name(name.folder)
    assert given in name.folder
    text = "longtake-untitled longtake_untitled UntitledState untitled.v1"
    assert name.put_into(text) == f"{distribution} {module} {class_name}State {given}.v1"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "3d",
        "-a",
        "a-",
        "a--b",
        "_a",
        "a.b",
        "a b",
        "a/b",
        "..",
        "a\n",
        "é",
        "a" * 51,
        "a+b",
        "%",
    ],
    ids=repr,
)
@pytest.mark.parametrize("template", TEMPLATES)
def test_what_is_no_name_is_refused(template: Template, given: str, tmp_path: Path) -> None:
    with pytest.raises(lt.ValidationError, match="must be up to 50 letters") as refused:
        write_package(template, given, tmp_path, NOTHING)
    assert refused.value.path == "NAME"
    assert files(tmp_path) == {}


@pytest.mark.parametrize("template", ["blob_store", "session_store"])
def test_a_store_cannot_be_called_what_no_url_begins_with(template: Template) -> None:
    with pytest.raises(lt.ValidationError, match="write 'my-store'"):
        package_name(template, "my_store")


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("given", ["demo", "My-other2-name"])
def test_a_package_is_complete(template: Template, given: str, tmp_path: Path) -> None:
    folder = write_package(template, given, tmp_path, NOTHING)
    name = package_name(template, given)
    assert folder == tmp_path / name.folder
    assert given in folder.name
    written = files(folder)
    assert set(written) >= {
        ".github/workflows/test.yml",
        ".gitignore",
        "README.md",
        "pyproject.toml",
        f"src/{name.module}/__init__.py",
        f"src/{name.module}/py.typed",
        f"tests/test_{name.module}.py",
    }
    assert [path for path in written if path.startswith("tests/test_")]
    assert not [text for text in (*written, *written.values()) if "untitled" in text.lower()]
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    for path, text in written.items():
        assert text == "" or text.endswith("\n"), path
        if path.endswith(".py"):
            ast.parse(text)


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_project_says_what_the_package_is(template: Template, tmp_path: Path) -> None:
    folder = write_package(template, "my-name", tmp_path, NOTHING)
    document = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    project = document["project"]
    name = package_name(template, "my-name")
    assert project["name"] == name.distribution
    assert project["entry-points"] == {"longtake": {"my-name": name.module}}
    assert project["optional-dependencies"] == {"test": ["longtake[testing]"]}
    assert document["tool"]["hatch"]["build"]["targets"]["wheel"] == {
        "packages": [f"src/{name.module}"]
    }
    needed = {need.name: need for need in map(Requirement, project["dependencies"])}
    assert version("longtake") in needed["longtake"].specifier
    assert "2.0" not in needed["longtake"].specifier


@pytest.mark.parametrize("template", TEMPLATES)
def test_under_the_templates_own_name_a_package_is_the_template(template: Template) -> None:
    root = SDK / "scaffolding" / "templates" / template
    kept = {
        path.relative_to(root).as_posix().removesuffix(".template"): path.read_text("utf-8")
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    made = dict(rendered(template, package_name(template, "untitled")))
    assert made == {PurePosixPath(path): text for path, text in kept.items()}


FAMILY = lt.ModelFamily("fog", ("longtake_fog:Draw",), presets=(lt.Preset("thick"),))
STORE = lt.BlobBackend("Shelf", "longtake_fog:open_store")
INSTALLED = lt.Registry(
    [
        Plugin(
            "main",
            "longtake-fog",
            "1.2",
            "loaded",
            families=(FAMILY,),
            blob_backends=(STORE,),
            session_backends=(lt.SessionBackend("Rack", "longtake_fog:open_sessions"),),
            observers=(lt.Observer("watch", "longtake_fog:watch"),),
        ),
        Plugin("mud", "Longtake_Mud", "0.9", "failed", "import: ImportError"),
    ]
)


@pytest.mark.parametrize(
    ("template", "given", "taken"),
    [
        ("family", "fog", "there is a family 'fog' of longtake-fog 1.2"),
        ("blob_store", "shelf", "there is a blob store 'shelf' of longtake-fog 1.2"),
        ("blob_store", "SHELF", "there is a blob store 'SHELF' of longtake-fog 1.2"),
        ("session_store", "rack", "there is a session store 'rack' of longtake-fog 1.2"),
        ("session_store", "RACK", "there is a session store 'RACK' of longtake-fog 1.2"),
        ("extension", "thick", "there is a preset 'thick' of longtake-fog 1.2"),
        ("observer", "watch", "there is an observer 'watch' of longtake-fog 1.2"),
        ("family", "mud", "'longtake-mud' is the distribution of Longtake_Mud 0.9"),
    ],
)
def test_a_name_that_is_installed_already_is_refused(
    template: Template, given: str, taken: str, tmp_path: Path
) -> None:
    with pytest.raises(lt.NameClashError, match=taken):
        write_package(template, given, tmp_path, INSTALLED)
    assert list(tmp_path.iterdir()) == []


def test_packages_of_one_name_and_several_kinds_stand_side_by_side(tmp_path: Path) -> None:
    for template in TEMPLATES:
        write_package(template, "demo", tmp_path, NOTHING)
    names = [package_name(template, "demo") for template in TEMPLATES]
    assert len({name.folder for name in names}) == len(TEMPLATES)
    assert len({name.distribution for name in names}) == len(TEMPLATES)
    assert len({name.module for name in names}) == len(TEMPLATES)


@pytest.mark.parametrize("there", ["folder", "file", "dangling link"])
def test_what_is_there_is_never_touched(there: str, tmp_path: Path) -> None:
    target = tmp_path / "longtake-demo"
    match there:
        case "folder":
            target.mkdir()
        case "file":
            target.write_text("mine")
        case _:
            target.symlink_to("nowhere")
    before = target.lstat()
    with pytest.raises(lt.OutputError, match="exists already"):
        write_package("family", "demo", tmp_path, NOTHING)
    assert target.lstat() == before
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, calls = Path.write_text, []

    def fail_at_the_fourth(path: Path, *args: str, **options: str) -> int:
        calls.append(path)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")
        return write(path, *args, **options)

    monkeypatch.setattr(Path, "write_text", fail_at_the_fourth)
    with pytest.raises(lt.OutputError, match="No space left"):
        write_package("family", "demo", tmp_path, NOTHING)
    assert len(calls) == 4
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(lt.OutputError, match="longtake-demo: cannot be written"):
        write_package("family", "demo", tmp_path / "missing", NOTHING)


def test_folders_have_the_permissions_that_others_have(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    folder = write_package("family", "demo", tmp_path, NOTHING)
    assert folder.stat().st_mode == (tmp_path / "other").stat().st_mode
