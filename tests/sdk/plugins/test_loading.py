"""A broken plugin costs only itself, whatever is broken about it, and the listing says what."""

from __future__ import annotations

from typing import Any

import pytest

from longtake.testing import FakeDistributions

GOOD = """
import longtake as lt

class Codec:
    kind = "good.v1"

@lt.hookimpl
def longtake_families():
    return [lt.ModelFamily("good", ("good:Draw",), presets=(lt.Preset("nice"),), codecs=(Codec(),))]

@lt.hookimpl
def longtake_blob_stores():
    return [lt.BlobBackend("good", "good:open_store")]

@lt.hookimpl
def longtake_observers():
    return [print]
"""

CLASH = """
import longtake as lt

@lt.hookimpl
def longtake_families():
    return [lt.ModelFamily("good", ("clash:Draw",)), lt.ModelFamily("own", ("clash:Draw",))]
"""


def hook(body: str, name: str = "longtake_families", parameters: str = "") -> str:
    return f"import longtake as lt\n\n@lt.hookimpl\ndef {name}({parameters}):\n    {body}\n"


BROKEN: dict[str, tuple[str | None, str]] = {
    "import-error": (
        "import a_package_that_nobody_has",
        "import: ModuleNotFoundError: No module named 'a_package_that_nobody_has'",
    ),
    "no-module": (None, "import: ModuleNotFoundError: No module named 'no_module'"),
    "system-exit": ("raise SystemExit('no licence')", "import: SystemExit: no licence"),
    "base-exception": (
        "class Panic(BaseException): pass\nraise Panic('at the disco')",
        "import: Panic: at the disco",
    ),
    "syntax-error": ("def longtake_families(:", "import: SyntaxError: "),
    "unprintable-error": (
        "class Mute(Exception):\n    def __str__(self): raise RuntimeError\nraise Mute",
        "import: Mute: its message cannot be shown",
    ),
    "misspelt": (
        hook("return []", "longtake_familys"),
        "unknown hook 'longtake_familys'; hooks: longtake_families, longtake_",
    ),
    "unmarked": (
        "def longtake_families(): return []",
        "hooks: longtake_families is not a hook yet: decorate it with @longtake.hookimpl",
    ),
    "unknown-argument": (hook("return []", parameters="registry"), "Argument(s) {'registry'}"),
    "raises": (hook("return [1 / 0]"), "hooks: ZeroDivisionError: division by zero"),
    "exits": (hook("raise SystemExit(3)"), "hooks: SystemExit: 3"),
    "not-a-list": (
        hook("return {}"),
        "hooks: longtake_families must return a list, it returned a dict",
    ),
    "nothing": (hook("pass"), "hooks: longtake_families must return a list, it returned None"),
    "yields": (hook("yield None"), "must return a list, it returned a generator"),
    "wrong-item": (
        hook("return ['fog']"),
        "hooks: longtake_families returned a str where a ModelFamily belongs",
    ),
    "wrong-observer": (
        hook("return [7]", "longtake_observers"),
        "hooks: longtake_observers returned a int where a callable belongs",
    ),
    "asks-registry": (
        hook("return lt.Registry.default().families"),
        "hooks: the plugin 'main' asks for the registry while it is itself loaded",
    ),
    "discovers": (
        hook("return [*lt.Registry.discover().families]"),
        "hooks: the plugin 'main' asks for the registry while it is itself loaded",
    ),
    "loads": (
        hook("return [lt.load(family='fog').family]"),
        "hooks: the plugin 'main' asks for the registry while it is itself loaded",
    ),
    "opens": (
        "import longtake as lt\nSTORE = lt.open_blob_store('memory:')",
        "import: the plugin 'main' asks for the registry while it is itself loaded",
    ),
    "wrong-extension": (
        hook("return [lt.Preset('fog')]", "longtake_extensions"),
        "hooks: longtake_extensions returned a Preset where a Extension belongs",
    ),
    "wrong-command": (
        hook("return ['serve']", "longtake_commands"),
        "hooks: longtake_commands returned a str where a Command belongs",
    ),
    "command-twice": (
        hook("return [lt.Command('serve', 'a:b', help='Serve.')] * 2", "longtake_commands"),
        "hooks: the command 'serve' is there twice",
    ),
    "bad-default": (
        hook("return [lt.ModelFamily('f', (), defaults={'hight': 3})]"),
        "hooks: ValidationError: family f: defaults.hight: unknown default",
    ),
    "nameless": (
        hook("return [lt.ModelFamily(None, ())]"),
        "hooks: ModelFamily None: name is None; must be a name",
    ),
    "twice": (
        hook("return [lt.ModelFamily('f', ()), lt.ModelFamily('f', ())]"),
        "hooks: the family 'f' is there twice",
    ),
    "kindless": (
        hook("return [lt.ModelFamily('f', (), codecs=(object(),))]"),
        "must be a codec with a kind",
    ),
    "too-old": (
        'LONGTAKE_API = ">=0.1, <1"\n' + hook("raise AssertionError"),
        "API version: it needs the SDK API '>=0.1, <1', this Longtake offers 1.0",
    ),
    "malformed-api": (
        'LONGTAKE_API = ">=1.x"\n' + hook("raise AssertionError"),
        "API version: LONGTAKE_API is '>=1.x'; it must be like '>=1,<2'",
    ),
}


def failure(record: dict[str, Any]) -> str:
    return f"{record['phase']}: {record['error']}"


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What is listed with one good plugin and every broken one installed at once."""
    installed = FakeDistributions(tmp_path_factory.mktemp("installed"))
    installed.add("good", GOOD)
    for name, (source, _) in BROKEN.items():
        installed.add(name, source)
    return installed.plugins()


@pytest.mark.parametrize("name", BROKEN)
def test_broken_plugin_is_listed_with_its_reason(
    listed: dict[str, dict[str, Any]], name: str
) -> None:
    record = listed[f"{name}:main"]
    assert (record["status"], record["version"], record["provides"]) == ("failed", "0.1", [])
    assert BROKEN[name][1] in failure(record)
    assert "\n" not in record["error"]


def test_good_plugin_works_beside_broken_ones(listed: dict[str, dict[str, Any]]) -> None:
    assert listed["good:main"] == {
        "name": "main",
        "distribution": "good",
        "version": "0.1",
        "api": None,
        "status": "loaded",
        "phase": None,
        "error": None,
        "provides": ["family:good", "preset:nice", "blob-store:good", "observer:print"],
    }


def test_of_six_plugins_everything_not_in_dispute_works(installed: FakeDistributions) -> None:
    installed.add("good", GOOD)
    installed.add("clash", CLASH, version="2.0")
    broken = ("import-error", "system-exit", "syntax-error", "misspelt")
    for name in broken:
        installed.add(name, BROKEN[name][0])

    plugins = installed.plugins()
    assert all(plugins[f"{name}:main"]["status"] == "failed" for name in broken)
    assert all(BROKEN[name][1] in failure(plugins[f"{name}:main"]) for name in broken)
    for name in ("good", "clash"):
        error = plugins[f"{name}:main"]["error"]
        assert plugins[f"{name}:main"]["status"] == "loaded"
        assert "the family 'good' is provided by clash 2.0 (main) and good 0.1 (main)" in error
        assert "LONGTAKE_BLOCK=clash or LONGTAKE_BLOCK=good" in error
    assert "own" in installed.families()
    assert "good" not in installed.families()


def test_text_listing_names_failures_too(installed: FakeDistributions) -> None:
    installed.add("broken", "raise SystemExit('no licence')")
    done = installed.python("-m", "longtake", "plugins")
    assert done.code == 0
    assert "main (broken 0.1) failed in import: SystemExit: no licence" in done.out


def test_the_api_that_a_plugin_asks_for_is_listed_also_when_it_does_not_fit(
    listed: dict[str, dict[str, Any]], installed: FakeDistributions
) -> None:
    assert listed["too-old:main"]["api"] == ">=0.1, <1"
    installed.add("fits", 'LONGTAKE_API = ">=1"\n' + hook("return []"))
    assert installed.plugins()["fits:main"]["api"] == ">=1"


def test_a_hook_that_is_called_something_else_altogether_is_found(
    installed: FakeDistributions,
) -> None:
    installed.add("stray", hook("return []", "families"))
    assert "unknown hook 'families'" in installed.plugins()["stray:main"]["error"]


@pytest.mark.parametrize("blocked", ["clash", "good"])
def test_blocking_one_side_resolves_a_clash(installed: FakeDistributions, blocked: str) -> None:
    installed.add("good", GOOD)
    installed.add("clash", CLASH)
    plugins = installed.plugins(LONGTAKE_BLOCK=blocked)
    assert "good" in installed.families(LONGTAKE_BLOCK=blocked)
    assert plugins[f"{blocked}:main"]["status"] == "blocked"
    assert plugins[f"{blocked}:main"]["error"] == "blocked by LONGTAKE_BLOCK"
    loaded = [each for each in plugins.values() if each["status"] == "loaded"]
    assert len(loaded) > 1
    assert all(each["error"] is None for each in loaded)


def test_code_of_a_blocked_plugin_never_runs(installed: FakeDistributions) -> None:
    installed.add_family("longtake-fog", family="fog")
    installed.plugins(LONGTAKE_BLOCK="longtake-fog")
    assert not installed.was_imported("longtake_fog")
    installed.plugins()
    assert installed.was_imported("longtake_fog")


def test_code_of_a_plugin_that_is_not_allowed_never_runs(installed: FakeDistributions) -> None:
    installed.add_family("longtake-fog", family="fog")
    installed.add_family("longtake-dust", family="dust")
    plugins = installed.plugins(LONGTAKE_PLUGINS="longtake-dust")
    assert {each for each, record in plugins.items() if record["status"] == "loaded"} == {
        "longtake-dust:main"
    }
    assert plugins["longtake-fog:main"]["error"] == "not named in LONGTAKE_PLUGINS"
    assert installed.was_imported("longtake_dust")
    assert not installed.was_imported("longtake_fog")


def test_blocking_wins_over_allowing(installed: FakeDistributions) -> None:
    installed.add_family("longtake-fog", family="fog")
    names = {"LONGTAKE_PLUGINS": "longtake-fog", "LONGTAKE_BLOCK": "longtake-fog"}
    assert installed.plugins(**names)["longtake-fog:main"]["status"] == "blocked"


@pytest.mark.parametrize("name", ["Longtake.Fog", "longtake_fog", "LONGTAKE--FOG", "longtake-fog"])
def test_names_are_compared_as_package_tools_do(installed: FakeDistributions, name: str) -> None:
    installed.add_family("Longtake_Fog", family="fog")
    record = installed.plugins(LONGTAKE_BLOCK=f"another, {name} ,")["Longtake_Fog:main"]
    assert record["status"] == "blocked"


def test_one_entry_point_of_a_distribution_can_be_blocked(installed: FakeDistributions) -> None:
    installed.add("fogs", GOOD, entry_points={"thin": "fogs", "thick": "thick_fog"})
    (installed.folder / "thick_fog.py").write_text(CLASH)
    both = installed.plugins()
    assert "LONGTAKE_BLOCK=fogs:thick or LONGTAKE_BLOCK=fogs:thin" in both["fogs:thin"]["error"]
    assert "good" not in installed.families()

    plugins = installed.plugins(LONGTAKE_BLOCK="fogs:thick")
    assert plugins["fogs:thick"]["status"] == "blocked"
    assert (plugins["fogs:thin"]["status"], plugins["fogs:thin"]["error"]) == ("loaded", None)
    assert "good" in installed.families(LONGTAKE_BLOCK="fogs:thick")


def test_presets_of_two_families_may_share_a_name(installed: FakeDistributions) -> None:
    one = hook("return [lt.ModelFamily('fog', (), presets=(lt.Preset('base'),))]")
    installed.add("one", one)
    installed.add("two", one.replace("fog", "dust"))
    assert {"fog", "dust"} <= installed.families()


def test_keyboard_interrupt_is_the_users_and_passes_through(installed: FakeDistributions) -> None:
    installed.add("slow", "raise KeyboardInterrupt")
    done = installed.python("-c", "import longtake as lt; lt.Registry.discover()")
    assert done.code != 0
    assert "KeyboardInterrupt" in done.err


def test_what_a_plugin_prints_stays_out_of_the_json(installed: FakeDistributions) -> None:
    installed.add("noisy", "print('thank you for installing me')\n" + hook("print(1); return []"))
    done = installed.python("-m", "longtake", "plugins", "--json")
    assert done.out.startswith("[\n")
    assert "thank you for installing me" in done.err
    assert installed.plugins()["noisy:main"]["status"] == "loaded"


DISCOVERING_IN_THREADS = """
import sys, threading
import longtake as lt

output, got = sys.stdout, []
threads = [threading.Thread(target=lambda: got.append(WHAT())) for _ in range(8)]
[each.start() for each in threads]
[each.join() for each in threads]
print(sys.stdout is output, len(set(map(id, got))))
"""


@pytest.mark.parametrize(("what", "registries"), [("default", 1), ("discover", 8)])
def test_threads_that_discover_at_once_leave_standard_output_as_it_was(
    installed: FakeDistributions, what: str, registries: int
) -> None:
    slow = "import time\n" + hook("print('called'); time.sleep(0.02); return []")
    installed.add("slow", slow)
    code = DISCOVERING_IN_THREADS.replace("WHAT", f"lt.Registry.{what}")
    done = installed.python("-c", code)
    assert done.out.strip() == f"True {registries}"
    assert done.err.count("called") == registries


def test_plugin_object_may_be_something_else_than_a_module(installed: FakeDistributions) -> None:
    body = """
import longtake as lt

class Plugin:
    __slots__ = ()
    LONGTAKE_API = ">=1,!=1.1,<=1.0,==1"

    @lt.hookimpl
    def longtake_families(self):
        return [lt.ModelFamily("fog", ())]

plugin = Plugin()
"""
    installed.add("longtake-fog", body, entry_points={"main": "longtake_fog:plugin"})
    assert installed.plugins()["longtake-fog:main"]["provides"] == ["family:fog"]
