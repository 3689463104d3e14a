"""The stores that come with Longtake come in by the same door as everybody's."""

from __future__ import annotations

from pathlib import Path

import pytest

import longtake as lt
from longtake import builtin
from longtake.plugins.loading import load_plugin
from longtake.settings import Settings


def test_own_stores_come_through_the_same_door_and_can_be_blocked() -> None:
    registry = lt.Registry.discover(Settings())
    builtin = {p.value.scheme: p.plugin.distribution for p in registry.blob_backends}
    assert builtin["memory"] == builtin["file"] == "longtake"
    builtin = {p.value.scheme: p.plugin.distribution for p in registry.session_backends}
    assert builtin["memory"] == builtin["sqlite"] == "longtake"
    blocked = lt.Registry.discover(Settings(blocked=frozenset({"longtake:builtin"})))
    assert {"memory", "file"}.isdisjoint(p.value.scheme for p in blocked.blob_backends)
    assert {"memory", "sqlite"}.isdisjoint(p.value.scheme for p in blocked.session_backends)


def test_the_plugin_brings_its_stores_and_dispatcher_and_nothing_else() -> None:
    plugin = load_plugin("builtin", "longtake", lt.__version__, lambda: builtin)
    assert (plugin.status, plugin.error) == ("loaded", None)
    assert plugin.provides == (
        "blob-store:memory",
        "blob-store:file",
        "session-store:memory",
        "session-store:sqlite",
        "dispatcher:inprocess",
    )


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_its_stores_open_by_url(scheme: str, tmp_path: Path) -> None:
    plugin = load_plugin("builtin", "longtake", lt.__version__, lambda: builtin)
    url = "memory:" if scheme == "memory" else (tmp_path / "blobs").as_uri()
    store = lt.open_blob_store(url, registry=lt.Registry([plugin]))
    blob_id = store.put(b"fog")
    assert bytes(store.get(blob_id)) == b"fog"
    assert (tmp_path / "blobs").is_dir() == (scheme == "file")


@pytest.mark.parametrize("scheme", ["memory", "sqlite"])
def test_its_session_stores_open_by_url(scheme: str, tmp_path: Path) -> None:
    plugin = load_plugin("builtin", "longtake", lt.__version__, lambda: builtin)
    url = "memory:" if scheme == "memory" else f"sqlite://{tmp_path}/takes.db"
    store = lt.open_session_store(url, registry=lt.Registry([plugin]))
    store.create("harbour", family="fog")
    assert [each.id for each in store.list()] == ["harbour"]
    assert (tmp_path / "takes.db").is_file() == (scheme == "sqlite")
    assert isinstance(store, lt.SupportsClose)
    store.close()
