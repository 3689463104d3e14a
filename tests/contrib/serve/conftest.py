"""The server that most tests of this folder ask: one for each of their files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.contrib.serve.http.server import Served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of pendulums without limits of its own; files that need another one define it."""
    from tests.contrib.serve.http.server import served

    with served(tmp_path_factory.mktemp("serve")) as found:
        yield found
