"""Every plugin in a process of its own: whatever it does there costs only itself."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import longtake as lt
from longtake.doctor.diagnosis import diagnose
from longtake.doctor.values import Diagnosis, Examination
from longtake.settings import Settings
from longtake.testing import FakeDistributions

BACKENDS = """
import longtake as lt
BODY

@lt.hookimpl
def longtake_blob_stores():
    return [lt.BlobBackend(SCHEME, open_store, SCHEME + "://me:hunter2@host/?key=sesame")]
"""


def backend(scheme: str, body: str) -> str:
    """A plugin with one blob store, which ``open_store(url)`` in ``body`` opens."""
    return BACKENDS.replace("SCHEME", repr(scheme)).replace("BODY", body)


PLUGINS: dict[str, str | None] = {
    "good": 'import longtake as lt\nLONGTAKE_API = ">=1,<2"\n\n'
    "def draw(job: lt.Job) -> lt.Frames: ...\n\n@lt.hookimpl\n"
    "def longtake_families(): return [lt.ModelFamily('good', (draw,), presets=(lt.Preset('a'),))]",
    "segfault": "import ctypes\n\ndef read():\n    ctypes.string_at(0)\n\nread()",
    "aborts": "import os\nos.abort()",
    "exits": "import os\nos._exit(0)",
    "hangs": "while True:\n    pass",
    "forks": "import os, time\nif os.fork() == 0:\n    time.sleep(60)\nos._exit(3)",
    "prints": "import os\nprint('thank you')\nos.write(1, b'{\"done\": true}\\n')\n"
    "print('x' * 10**6)",
    "asks": "input('your name? ')",
    "writes": "import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'nonsense\\n')\n"
    "    except OSError: pass",
    "closes": "import os\nos.closerange(3, 256)",
    "stays": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()",
    "import-error": "import a_package_that_nobody_has",
    "no-module": None,
    "misspelt": "import longtake as lt\n\n@lt.hookimpl\ndef longtake_familys(): return []",
    "too-new": 'LONGTAKE_API = ">=7"',
    "heavy": "import numpy",
    "hangs-in-hook": "import longtake as lt, time\n\n@lt.hookimpl\n"
    "def longtake_families(): time.sleep(60)",
    "lost": backend(
        "lost",
        "def open_store(url): raise lt.BlobStoreUnavailable(f'{url}: hunter2 and sesame')",
    ),
    "lacking": backend(
        "lacking",
        "def open_store(url): raise lt.MissingDependencyError('tubes', 'the store')",
    ),
    "raises": backend("raises", "def open_store(url): raise KeyError(url)"),
    "crashing": backend("crashing", "import os\ndef open_store(url): os.abort()"),
    "slow": backend("slow", "import time\ndef open_store(url): time.sleep(60)"),
    "works": backend(
        "works",
        "from longtake.blobs.memory import MemoryBlobStore\n"
        "def open_store(url): return MemoryBlobStore()",
    ),
}


@pytest.fixture(scope="module")
def diagnosis(tmp_path_factory: pytest.TempPathFactory) -> Diagnosis:
    """All of them at once, where each step may take a second."""
    installed = FakeDistributions(tmp_path_factory.mktemp("installed"))
    for name, source in PLUGINS.items():
        installed.add(name, source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(installed.folder), *sys.path])
        return diagnose(Settings(), timeout=1.0)


@pytest.fixture
def examined(diagnosis: Diagnosis) -> dict[str, Examination]:
    return {plugin.distribution: plugin for plugin in diagnosis.plugins}


def test_a_good_plugin_is_well(examined: dict[str, Examination]) -> None:
    good = examined["good"]
    assert (good.status, good.phase, good.reason) == ("loaded", None, None)
    assert (good.version, good.api) == ("0.1", ">=1,<2")
    assert good.provides == ("family:good", "preset:a")
    assert good.import_ms is not None and good.import_ms > 0
    assert good.is_well


@pytest.mark.parametrize(
    ("name", "phase", "reason"),
    [
        ("segfault", "import", r"killed by SIGSEGV at .*segfault.py:5 in read"),
        ("aborts", "import", r"killed by SIGABRT at .*aborts.py:3 in <module>"),
        ("exits", "import", "ended with status 0"),
        ("hangs", "import", r"no answer within 1 s at .*hangs.py:[23] in <module>"),
        ("forks", "import", "ended with status 3"),
        ("asks", "import", "EOFError"),
        ("writes", "import", "something else than a report"),
        ("closes", "import", "ended with status"),
        ("import-error", "import", "ModuleNotFoundError: No module named 'a_package_that_"),
        ("no-module", "import", "ModuleNotFoundError"),
        ("misspelt", "hooks", "unknown hook 'longtake_familys'"),
        ("too-new", "API version", "it needs the SDK API '>=7', this Longtake offers"),
        ("hangs-in-hook", "hooks", r"no answer within 1 s at .*in longtake_families"),
        ("crashing", "blob store", "killed by SIGABRT at .*in open_store"),
        ("raises", "blob store", "KeyError"),
    ],
)
def test_a_plugin_that_fails_is_there_with_phase_and_reason(
    examined: dict[str, Examination], name: str, phase: str, reason: str
) -> None:
    found = examined[name]
    assert (found.status, found.phase) == ("failed", phase)
    assert not found.is_well
    assert re.search(reason, str(found.reason)), found.reason


def test_what_a_plugin_prints_is_shown_and_corrupts_nothing(
    examined: dict[str, Examination],
) -> None:
    assert examined["prints"].status == "loaded"
    assert examined["prints"].printed.startswith('thank you\n{"done": true}\nxxxx')
    assert len(examined["prints"].printed) < 10_000
    assert examined["good"].printed == ""


def test_a_plugin_whose_threads_go_on_is_not_waited_for(examined: dict[str, Examination]) -> None:
    assert examined["stays"].status == "loaded"


def test_what_is_heavy_is_named(examined: dict[str, Examination]) -> None:
    assert examined["heavy"].heavy == ("numpy",)
    assert [plugin.heavy for name, plugin in examined.items() if name != "heavy"] == [()] * (
        len(examined) - 1
    )


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("works", "ok", None),
        ("lost", "unavailable", "lost://host/: *** and ***"),
        ("lacking", "unavailable", "the store needs the package 'tubes': pip install tubes"),
    ],
)
def test_the_example_of_a_store_is_tried(
    examined: dict[str, Examination], name: str, outcome: str, reason: str | None
) -> None:
    [trial] = examined[name].stores
    assert (trial.scheme, trial.url) == (name, f"{name}://host/")
    assert (trial.outcome, trial.reason) == (outcome, reason)
    assert examined[name].is_well  # a server that is missing is no fault of the plugin


def test_a_store_that_does_not_answer_is_given_up(examined: dict[str, Examination]) -> None:
    [trial] = examined["slow"].stores
    assert trial.outcome == "no answer"
    assert "in open_store" in str(trial.reason)
    assert examined["slow"].is_well


def test_no_secret_of_a_url_is_repeated(diagnosis: Diagnosis) -> None:
    assert "raises://host/" in repr(diagnosis)
    assert "hunter2" not in repr(diagnosis)
    assert "sesame" not in repr(diagnosis)


def test_one_broken_plugin_is_enough_not_to_be_well(diagnosis: Diagnosis) -> None:
    assert not diagnosis.is_well
    only_good = [plugin for plugin in diagnosis.plugins if plugin.is_well]
    assert Diagnosis(tuple(only_good)).is_well


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDistributions:
    """Distributions that this very process sees."""
    monkeypatch.syspath_prepend(tmp_path)
    return FakeDistributions(tmp_path)


def only(*names: str) -> Settings:
    return Settings(allowed=frozenset(names))


def named(diagnosis: Diagnosis, distribution: str) -> Examination:
    return next(each for each in diagnosis.plugins if each.distribution == distribution)


def test_a_blocked_plugin_is_shown_and_not_run(path: FakeDistributions) -> None:
    path.add_family("longtake-fog", family="fog")
    path.add_family("longtake-ice", family="ice")
    settings = Settings(
        blocked=frozenset({"longtake-fog"}), allowed=frozenset({"longtake-fog", "longtake-ice"})
    )
    diagnosis = diagnose(settings)
    assert named(diagnosis, "longtake-fog").status == "blocked"
    assert named(diagnosis, "longtake-fog").reason == "blocked by LONGTAKE_BLOCK"
    assert not path.was_imported("longtake_fog")
    assert path.was_imported("longtake_ice")
    assert diagnosis.is_well


def test_damaged_metadata_is_a_phase_of_its_own(path: FakeDistributions) -> None:
    path.add("longtake-fog", "raise AssertionError('not run')")
    (path.folder / "longtake_fog-0.1.dist-info" / "METADATA").write_text("Version: 0.1\n")
    diagnosis = diagnose(only("unknown"))
    assert named(diagnosis, "unknown").phase == "metadata"
    assert "no name or no version" in str(named(diagnosis, "unknown").reason)


def test_names_that_two_plugins_provide_are_shown_with_both(path: FakeDistributions) -> None:
    path.add_family("longtake-fog", family="fog")
    path.add_family("longtake-mist", family="fog")
    diagnosis = diagnose(only("longtake-fog", "longtake-mist"))
    for name in ("longtake-fog", "longtake-mist"):
        [clash] = named(diagnosis, name).clashes
        assert "'fog' is provided by longtake-fog 0.1 (main) and longtake-mist 0.1" in clash
        assert named(diagnosis, name).status == "loaded"
    assert not diagnosis.is_well


def test_the_users_store_is_written_to_and_left_clean(
    path: FakeDistributions, tmp_path: Path
) -> None:
    folder = tmp_path / "blobs"
    diagnosis = diagnose(only("longtake"), urls=(f"file://{folder}", "MEMORY:"))
    assert [trial.outcome for trial in diagnosis.blobs] == ["ok", "ok"]
    assert diagnosis.is_well
    store = lt.open_blob_store(f"file://{folder}", registry=lt.Registry.of("longtake.builtin"))
    assert store.put(b"there is still room")
    assert len([each for each in folder.rglob("*") if each.is_file()]) == 1


def test_the_users_session_store_is_written_to_and_left_clean(
    path: FakeDistributions, tmp_path: Path
) -> None:
    url = f"sqlite://{tmp_path}/takes.db"
    diagnosis = diagnose(only("longtake"), session_urls=(url, "MEMORY:", "nobody:", "takes.db"))
    assert [trial.outcome for trial in diagnosis.sessions] == ["ok", "ok", "failed", "failed"]
    assert {trial.keeps for trial in diagnosis.sessions} == {"sessions"}
    assert "session store scheme 'nobody'" in str(diagnosis.sessions[2].reason)
    assert "sqlite:///folder/takes.db" in str(diagnosis.sessions[3].reason)
    assert not diagnosis.is_well
    store = lt.open_session_store(url, registry=lt.Registry.of("longtake.builtin"))
    assert store.list() == []
    assert isinstance(store, lt.SupportsHolds) and store.held() == set()
    assert isinstance(store, lt.SupportsClose)
    store.close()


LOCKS = """
import longtake as lt
@lt.hookimpl
def longtake_authenticators(): return [lt.AuthenticatorBackend("{scheme}", "{name}:open_lock")]
"""


def test_authenticators_are_imported_and_their_schemes_compared(path: FakeDistributions) -> None:
    path.add("bolts", "def open_lock(url): 1\n" + LOCKS.format(scheme="key", name="bolts"))
    path.add("chains", LOCKS.format(scheme="KEY", name="chains"))
    diagnosis = diagnose(only("bolts", "chains"))
    bolts, chains = named(diagnosis, "bolts"), named(diagnosis, "chains")
    assert (bolts.status, chains.status) == ("loaded", "failed")
    assert "authenticator backend 'KEY': open 'chains:open_lock'" in str(chains.reason)
    assert all("authenticator scheme 'key'" in each.clashes[0] for each in (bolts, chains))


SESSIONS = """
import longtake as lt
@lt.hookimpl
def longtake_session_stores(): return [lt.SessionBackend("shelf", open_store, example="shelf:a")]
"""


@pytest.mark.parametrize(
    ("opened", "status", "reason"),
    [
        ("raise lt.SessionStoreUnavailable('no server')", "loaded", None),
        ("raise TypeError('oh')", "failed", "shelf:a: TypeError: oh"),
        ("import os; os.abort()", "failed", "killed by SIGABRT"),
    ],
)
def test_a_session_stores_example_is_tried(
    path: FakeDistributions, opened: str, status: str, reason: str | None
) -> None:
    path.add("shelf", f"def open_store(url): {opened}\n{SESSIONS}")
    shelf = named(diagnose(only("shelf")), "shelf")
    assert shelf.status == status
    assert reason is None or reason in str(shelf.reason)
    assert [trial.keeps for trial in shelf.stores] == ["sessions"]
    assert shelf.phase == ("session store" if status == "failed" else None)


@pytest.mark.parametrize(
    ("url", "shown", "reason"),
    [
        ("lost://me:hunter2@host/?key=sesame", "lost://host/", "lost://host/: *** and ***"),
        ("nobody://me:hunter2@host", "nobody://host", "no plugin provides the blob store scheme"),
        ("me@hunter2", "hunter2", "it is not a URL"),
        ("crashing://host", "crashing://host", "killed by SIGABRT"),
        ("forgetful://host", "forgetful://host", "other bytes"),
        ("keeping://host", "keeping://host", "still has a blob that was dropped"),
    ],
)
def test_a_store_of_the_user_that_does_not_work(
    path: FakeDistributions, url: str, shown: str, reason: str
) -> None:
    memory = "from longtake.blobs.memory import MemoryBlobStore\nclass Store(MemoryBlobStore):\n"
    opened = "\ndef open_store(url): return Store()"
    path.add(
        "forgetful", backend("forgetful", f"{memory}    def get(self, id): return b''{opened}")
    )
    path.add("keeping", backend("keeping", f"{memory}    def drop(self, id): pass{opened}"))
    path.add("lost", PLUGINS["lost"])
    path.add("crashing", PLUGINS["crashing"])
    [trial] = diagnose(only("forgetful", "keeping", "lost", "crashing"), urls=(url,)).blobs
    assert trial.outcome != "ok"
    assert trial.url == shown
    assert reason in str(trial.reason)
