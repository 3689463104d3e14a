"""Opening stores of blobs and of sessions by URL, and watching who opens some."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.plugins.loading import Plugin


def plugin(distribution: str, **provided: Any) -> Plugin:
    return Plugin("main", distribution, "1.0", "loaded", **provided)


def test_blob_store_is_opened_by_the_backend_of_its_scheme() -> None:
    opened: list[str] = []
    backend = lt.BlobBackend("Shelf", opened.append)  # type: ignore[arg-type]
    registry = lt.Registry([plugin("shelves", blob_backends=(backend,))])
    lt.open_blob_store("SHELF://attic/left", registry=registry)
    assert opened == ["SHELF://attic/left"]


def test_disputed_and_unknown_blob_schemes_are_refused() -> None:
    one = plugin("one", blob_backends=(lt.BlobBackend("shelf", "one:open"),))
    two = plugin("two", blob_backends=(lt.BlobBackend("SHELF", "two:open"),))
    registry = lt.Registry([one, two])
    assert registry.blob_backends == []
    with pytest.raises(lt.NameClashError, match="blob store scheme 'shelf'"):
        lt.open_blob_store("shelf:", registry=registry)
    with pytest.raises(lt.UnknownNameError, match="blob store scheme 's4'; known: shelf"):
        lt.open_blob_store("s4://bucket", registry=registry)


@pytest.mark.parametrize("text", ["", "folder", ":", "/var/blobs"])
def test_something_else_than_a_url_is_refused(text: str) -> None:
    with pytest.raises(lt.ValidationError, match="is not a URL such as"):
        lt.open_blob_store(text, registry=lt.Registry([]))


def test_a_url_without_its_scheme_shows_nobodys_password() -> None:
    with pytest.raises(lt.ValidationError, match="'host/blobs' is not a URL"):
        lt.open_blob_store("hunter2@host/blobs", registry=lt.Registry([]))


def test_backend_that_cannot_be_imported_says_which() -> None:
    backend = lt.BlobBackend("shelf", "a_package_that_nobody_has:open_store")
    registry = lt.Registry([plugin("shelves", blob_backends=(backend,))])
    with pytest.raises(lt.PluginError, match="a_package_that_nobody_has:open_store"):
        lt.open_blob_store("shelf:", registry=registry)


def test_stores_that_are_opened_meanwhile_are_seen_by_all_who_watch() -> None:
    registry = lt.Registry.of("longtake.builtin")
    with lt.watch_blob_stores() as outer:
        first = lt.open_blob_store("memory:", registry=registry)
        with lt.watch_blob_stores() as inner:
            second = lt.open_blob_store("memory:", registry=registry)
    lt.open_blob_store("memory:", registry=registry)
    assert (outer, inner) == ([first, second], [second])


def test_session_store_is_opened_by_the_backend_of_its_scheme() -> None:
    opened: list[str] = []
    backend = lt.SessionBackend("Shelf", opened.append)  # type: ignore[arg-type]
    registry = lt.Registry([plugin("shelves", session_backends=(backend,))])
    lt.open_session_store("SHELF://attic/left", registry=registry)
    assert opened == ["SHELF://attic/left"]
    assert registry.session_backend("shelf") is backend


def test_disputed_and_unknown_session_schemes_are_refused() -> None:
    one = plugin("one", session_backends=(lt.SessionBackend("shelf", "one:open"),))
    two = plugin("two", session_backends=(lt.SessionBackend("SHELF", "two:open"),))
    registry = lt.Registry([one, two])
    assert registry.session_backends == []
    assert all("session store scheme 'shelf'" in str(each.error) for each in registry.plugins)
    with pytest.raises(lt.NameClashError, match="session store scheme 'shelf'"):
        lt.open_session_store("shelf:", registry=registry)
    with pytest.raises(lt.UnknownNameError, match="session store scheme 's4'; known: shelf"):
        lt.open_session_store("s4://bucket", registry=registry)


def test_a_scheme_of_blobs_and_one_of_sessions_are_no_clash() -> None:
    one = plugin("one", blob_backends=(lt.BlobBackend("shelf", "one:open"),))
    two = plugin("two", session_backends=(lt.SessionBackend("shelf", "two:open"),))
    registry = lt.Registry([one, two])
    assert [each.error for each in registry.plugins] == [None, None]
    assert len(registry.blob_backends) == len(registry.session_backends) == 1


@pytest.mark.parametrize("text", ["", "takes.db", ":", "/var/takes.db"])
def test_something_else_than_a_url_of_sessions_is_refused(text: str) -> None:
    with pytest.raises(lt.ValidationError, match="sessions: .*is not a URL such as 'sqlite:///"):
        lt.open_session_store(text, registry=lt.Registry([]))


def test_session_backend_that_cannot_be_imported_says_which() -> None:
    backend = lt.SessionBackend("shelf", "a_package_that_nobody_has:open_store")
    registry = lt.Registry([plugin("shelves", session_backends=(backend,))])
    with pytest.raises(lt.PluginError, match="a_package_that_nobody_has:open_store"):
        lt.open_session_store("shelf:", registry=registry)


def test_opening_sessions_is_not_seen_by_who_watches_blob_stores() -> None:
    with lt.watch_blob_stores() as watched:
        lt.open_session_store("memory:", registry=lt.Registry.of("longtake.builtin"))
    assert watched == []
