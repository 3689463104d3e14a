"""The official client of the server that a file of this folder asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from openai import OpenAI

    from tests.contrib.serve.http.server import Served


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[OpenAI]:
    from tests.contrib.serve.openai.client import client_of

    with client_of(server.port) as found:
        yield found
