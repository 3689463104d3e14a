"""Every hook takes no arguments, says what it is for, and what a plugin returns from it arrives."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pluggy
import pytest
from attrs import frozen

import longtake as lt
from longtake import hookspecs
from longtake.plugins.loading import Plugin, load_plugin
from tests.sdk.toy_family import FOG


def hook_names() -> list[str]:
    manager = pluggy.PluginManager("longtake")
    return [name for name in vars(hookspecs) if manager.parse_hookspec_opts(hookspecs, name)]


HOOKS = hook_names()


@frozen
class Example:
    """Something that a plugin may return from a hook.

    ``reach``: the things of this kind that a registry has. ``real``: a plugin of this repository
    that implements the hook, as module and what it brings; None while there is none.
    """

    item: Any
    reach: Callable[[lt.Registry], list[Any]]
    real: tuple[str, str] | None


def return_nothing() -> list[object]:
    return []


def watch(event: lt.RunEvent) -> None:
    """An observer."""


EXAMPLES = {
    "longtake_families": Example(
        FOG,
        lambda registry: [provided.value for provided in registry.families],
        ("longtake_ltx2.plugin", "family:ltx2"),
    ),
    "longtake_extensions": Example(
        lt.Extension("fog"),
        lambda registry: [each for plugin in registry.plugins for each in plugin.extensions],
        None,
    ),
    "longtake_commands": Example(
        lt.Command("greet", "longtake_nowhere:greet", help="Greet."),
        lambda registry: [provided.value for provided in registry.commands],
        None,
    ),
    "longtake_blob_stores": Example(
        lt.BlobBackend("shelf", "fog.shelf:open_store"),
        lambda registry: [provided.value for provided in registry.blob_backends],
        ("longtake.builtin", "blob-store:memory"),
    ),
    "longtake_session_stores": Example(
        lt.SessionBackend("shelf", "fog.shelf:open_sessions"),
        lambda registry: [provided.value for provided in registry.session_backends],
        ("longtake.builtin", "session-store:sqlite"),
    ),
    "longtake_dispatchers": Example(
        lt.DispatcherBackend("shelf", "fog.shelf:open_dispatcher"),
        lambda registry: [provided.value for provided in registry.dispatcher_backends],
        ("longtake.builtin", "dispatcher:inprocess"),
    ),
    "longtake_authenticators": Example(
        lt.AuthenticatorBackend("shelf", "fog.shelf:open_tokens"),
        lambda registry: [provided.value for provided in registry.authenticators],
        ("longtake_serve.plugin", "authenticator:file"),
    ),
    "longtake_observers": Example(
        watch, lambda registry: registry.observers, ("longtake_otel", "observer:observe")
    ),
}


def plugin_with(hook: str, implementation: Callable[..., object]) -> Plugin:
    """A plugin that implements this hook alone, loaded."""

    class Module:
        pass

    setattr(Module, hook, staticmethod(lt.hookimpl(implementation)))
    return load_plugin("main", "longtake-test", "0.1", Module)


def test_every_hook_is_tried_here() -> None:
    assert EXAMPLES.keys() == set(HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_takes_no_arguments(name: str) -> None:
    assert name.startswith("longtake_")
    assert inspect.signature(vars(hookspecs)[name]).parameters == {}


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_returns_a_list(name: str) -> None:
    assert vars(hookspecs)[name].__annotations__["return"].startswith("list[")


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_says_what_it_is_for(name: str) -> None:
    text = inspect.getdoc(vars(hookspecs)[name])
    assert text is not None
    assert text.endswith(".")


@pytest.mark.parametrize("name", HOOKS)
def test_what_a_plugin_returns_reaches_the_registry(name: str) -> None:
    example = EXAMPLES[name]
    plugin = plugin_with(name, lambda: [example.item])
    assert (plugin.status, plugin.error) == ("loaded", None)
    assert len(plugin.provides) >= 1
    registry = lt.Registry([plugin])
    assert example.reach(registry) == [example.item]
    others = [other.reach(registry) for hook, other in EXAMPLES.items() if hook != name]
    assert not any(others)


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_may_return_nothing_or_a_tuple(name: str) -> None:
    example = EXAMPLES[name]
    nothing = plugin_with(name, return_nothing)
    one = plugin_with(name, lambda: (example.item,))
    assert (nothing.status, nothing.provides) == ("loaded", ())
    assert example.reach(lt.Registry([nothing, one])) == [example.item]


@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("returned", [None, {}, [None], ["fog"]], ids=repr)
def test_a_hook_that_returns_something_else_is_refused_by_its_name(
    name: str, returned: object
) -> None:
    plugin = plugin_with(name, lambda: returned)
    assert plugin.status == "failed"
    assert plugin.error is not None
    assert plugin.phase == "hooks"
    assert plugin.error.startswith(f"{name} ")


@pytest.mark.parametrize("name", HOOKS)
def test_an_implementation_that_asks_for_something_is_refused(name: str) -> None:
    plugin = plugin_with(name, lambda registry: [])
    assert plugin.status == "failed"
    assert "registry" in str(plugin.error)


REAL = [(name, *example.real) for name, example in EXAMPLES.items() if example.real]


@pytest.mark.parametrize(("name", "module_name", "brought"), REAL)
def test_a_real_plugin_implements_it(name: str, module_name: str, brought: str) -> None:
    module = pytest.importorskip(module_name)
    plugin = load_plugin("main", "ours", "0.1", lambda: module)
    assert brought in plugin.provides
    assert EXAMPLES[name].reach(lt.Registry([plugin]))
