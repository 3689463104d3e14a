"""Authenticators as plugins declare them, and as they are opened by URL."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.plugins.loading import Plugin, load_plugin

OPEN = "longtake_nowhere:open_tokens"


def plugin(distribution: str, *schemes: str, open: Any = OPEN) -> Plugin:
    backends = tuple(lt.AuthenticatorBackend(scheme, open) for scheme in schemes)
    return Plugin("main", distribution, "1.0", "loaded", authenticators=backends)


@pytest.mark.parametrize(("scheme", "open"), [("", OPEN), (3, OPEN), ("a", "nowhere"), ("a", None)])
def test_what_is_no_backend_is_refused_where_it_is_made(scheme: Any, open: Any) -> None:
    with pytest.raises(lt.PluginError, match="AuthenticatorBackend"):
        lt.AuthenticatorBackend(scheme, open)


def test_an_authenticator_is_opened_by_the_backend_of_its_scheme() -> None:
    registry = lt.Registry([plugin("locks", "Key", open=lambda url: ("opened", url))])
    opened: Any = lt.open_authenticator("KEY://door?a=b", registry=registry)
    assert opened == ("opened", "KEY://door?a=b")


def test_disputed_and_unknown_schemes_are_refused() -> None:
    registry = lt.Registry([plugin("one", "key", "own"), plugin("two", "KEY")])
    assert [each.value.scheme for each in registry.authenticators] == ["own"]
    with pytest.raises(lt.NameClashError, match="authenticator scheme 'key'"):
        lt.open_authenticator("key:", registry=registry)
    with pytest.raises(lt.UnknownNameError, match="authenticator scheme 'oidc'; known: key, own"):
        lt.open_authenticator("oidc://host", registry=registry)
    assert "block one side" in str(registry.plugins[0].error)


def test_something_else_than_a_url_is_refused_and_shows_nobodys_password() -> None:
    with pytest.raises(lt.ValidationError, match="tokens: 'host/realm' is not a URL"):
        lt.open_authenticator("hunter2@host/realm", registry=lt.Registry([]))


def test_one_that_cannot_be_imported_says_which() -> None:
    with pytest.raises(lt.PluginError, match=OPEN):
        lt.open_authenticator("key:", registry=lt.Registry([plugin("locks", "key")]))


def test_one_scheme_twice_in_a_plugin_is_refused() -> None:
    class Module:
        @staticmethod
        @lt.hookimpl
        def longtake_authenticators() -> list[lt.AuthenticatorBackend]:
            return [lt.AuthenticatorBackend("key", OPEN)] * 2

    refused = load_plugin("main", "locks", "1.0", lambda: Module)
    assert (refused.status, refused.error) == (
        "failed",
        "the authenticator scheme 'key' is there twice",
    )
