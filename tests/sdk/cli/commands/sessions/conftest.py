from __future__ import annotations

import pytest

import longtake as lt
from longtake.plugins.loading import Plugin
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.commands.sessions.takes import RIVER, Takes
from tests.sdk.cli.toy_family import Shelf, toy_registry


@pytest.fixture
def takes(longtake: Command, model: str, monkeypatch: pytest.MonkeyPatch) -> Takes:
    """Runs ``longtake sessions`` over a file of sessions, with the toy families."""
    builtin = lt.Registry.of("longtake.builtin").plugins
    river = Plugin("river", "longtake-river", "1", "loaded", families=(RIVER,))
    registry = lt.Registry([*toy_registry(Shelf()).plugins, *builtin, river])
    monkeypatch.setattr(lt.Registry, "default", lambda: registry)
    return Takes(longtake, model)
