"""The pytest plugin: registries and distributions of a test's own, leaked stores, the option."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import longtake as lt
from longtake.testing import FakeDistributions
from tests.rules.test_laziness import HEAVY

ROOT = Path(__file__).parents[3]
FOG = "tests.sdk.testing.families.fog"

for _name in lt.__all__:  # type: ignore[attr-defined]  # only there at run time
    getattr(lt, _name)  # now: pytester forgets modules that are imported meanwhile

LEAK = """
import longtake as lt
import pytest

@pytest.mark.longtake_no_leaked_stores
def test_leaks(tmp_path):
    lt.open_blob_store("memory:")

@pytest.mark.longtake_no_leaked_stores
def test_closes():
    lt.open_blob_store("memory:").close()

@pytest.fixture
def store():
    store = lt.open_blob_store("memory:")
    yield store
    store.close()

@pytest.mark.longtake_no_leaked_stores
def test_closes_late(store):
    store.put(b"x")

def test_is_not_watched():
    lt.open_blob_store("memory:")
"""


def test_a_registry_of_a_test_is_the_default_one_while_it_lasts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import longtake as lt
        import pytest

        def test_it(longtake_registry):
            registry = longtake_registry({FOG!r})
            assert lt.Registry.default() is registry
            assert [each.value.name for each in registry.families] == ["fog"]
            assert lt.load(family="fog").family.name == "fog"
            with pytest.raises(lt.UnknownNameError):
                lt.open_blob_store("memory:")
            longtake_registry("longtake.builtin")
            lt.open_blob_store("memory:").close()

        def test_is_another_one_afterwards():
            assert "fog" not in [each.value.name for each in lt.Registry.default().families]
        """
    )
    pytester.makeini(f"[pytest]\npythonpath = {ROOT}")
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_what_does_not_load_is_said(longtake_registry: Callable[..., lt.Registry]) -> None:
    with pytest.raises(lt.PluginError, match="no_such_module"):
        longtake_registry("no_such_module")


def test_distributions_are_seen_by_new_processes(
    longtake_distributions: FakeDistributions,
) -> None:
    longtake_distributions.add_family("longtake-mist", family="mist")
    longtake_distributions.add("longtake-broken", "raise OSError('no disk')")
    assert "mist" in longtake_distributions.families()
    assert longtake_distributions.was_imported("longtake_mist")
    plugin = longtake_distributions.plugins()["longtake-broken:main"]
    assert plugin["status"] == "failed"
    assert "no disk" in plugin["error"]
    blocked = longtake_distributions.families(LONGTAKE_BLOCK="longtake-mist")
    assert "mist" not in blocked


def test_a_leaked_store_fails_the_test_that_is_marked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(LEAK)
    result = pytester.runpytest_subprocess("-rA")
    result.assert_outcomes(passed=4, errors=1)
    result.stdout.fnmatch_lines(["*ERROR*test_leaks*", "*not closed: <MemoryBlobStore*"])


def test_the_ini_option_marks_every_test(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nlongtake_no_leaked_stores = true")
    pytester.makepyfile(LEAK)
    pytester.runpytest_subprocess().assert_outcomes(passed=4, errors=2)


def test_the_markers_are_known(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.longtake_slow
        def test_it():
            pass
        """
    )
    pytester.runpytest_subprocess("--strict-markers").assert_outcomes(passed=1)
    markers = pytester.runpytest_subprocess("--markers")
    markers.stdout.fnmatch_lines(["*longtake_slow*", "*longtake_no_leaked_stores*"])


CONTRACT = f"""
import pytest
from longtake.testing import FamilyContract

class TestFog(FamilyContract):
    @pytest.fixture
    def plugin(self):
        return {FOG!r}
"""


def test_codecs_over_two_typed_states_fail_and_are_named(pytester: pytest.Pytester) -> None:
    planted = CONTRACT.replace(FOG, "tests.sdk.testing.families.planted_plugin")
    named = "\n    @pytest.fixture\n    def family_name(self):\n        return 'two_states'\n"
    pytester.makepyfile(test_fog=planted + named)
    pytester.makeini(f"[pytest]\npythonpath = {ROOT}")
    result = pytester.runpytest_subprocess("-k", "share_one_typed_state")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*two_states.v1 have another typed state than two_states.v2*"])


def recorded(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_fog=CONTRACT)
    pytester.makeini(f"[pytest]\npythonpath = {ROOT}")
    return pytester.runpytest_subprocess("-k", "record", *options)


def test_a_version_that_is_not_recorded_fails_and_says_what_to_do(
    pytester: pytest.Pytester,
) -> None:
    result = recorded(pytester)
    result.assert_outcomes(failed=1, skipped=2)
    result.stdout.fnmatch_lines(["*fog.v1-v1.json*--record-states and commit*"])


def test_states_are_recorded_once_and_read_ever_after(pytester: pytest.Pytester) -> None:
    recorded(pytester, "--record-states").assert_outcomes(passed=3)
    file, facts = sorted((pytester.path / "states").iterdir(), reverse=True)
    written = file.read_bytes(), facts.read_bytes()
    recorded(pytester).assert_outcomes(passed=3)
    recorded(pytester, "--record-states").assert_outcomes(passed=3)
    assert (file.read_bytes(), facts.read_bytes()) == written
    assert (file.suffix, facts.suffix) == (".json", ".facts")
    assert lt.ContinuationState.from_json(written[0]).kind == "fog.v1"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("fog.v1", "mist.v1"), "*no longer reads states of mist.v1*"),
        (('"schema_version": 1', '"schema_version": 2'), "*it is fog.v1-v2*"),
        (('"seed": 5', '"seed": -5'), "*state.payload.state.seed*"),
    ],
)
def test_a_recorded_state_that_is_not_read_fails(
    pytester: pytest.Pytester, change: tuple[str, str], said: str
) -> None:
    recorded(pytester, "--record-states").assert_outcomes(passed=3)
    file = pytester.path / "states" / "fog.v1-v1.json"
    text = file.read_text().replace(*change)
    name = "mist.v1-v1-old.json" if "mist" in change[1] else "fog.v1-v1-old.json"
    file.with_name(name).write_text(text)
    result = recorded(pytester)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines([said])


def test_the_plugin_imports_next_to_nothing() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules)\n"
        "import longtake.testing.plugin\n"
        "sys.stdout.write(' '.join(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    new = set(done.stdout.split())
    assert new == {"longtake", "longtake.testing", "longtake.testing.plugin"}
    assert HEAVY.isdisjoint(new)
