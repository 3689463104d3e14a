"""Browsers of the tests in this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.contrib.serve.page.browser import Browsers, browsers

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module", name="browsers")
def started() -> Iterator[Browsers]:
    with browsers() as found:
        yield found


@pytest.fixture(scope="module")
def chromium(browsers: Browsers) -> Browser:
    return browsers.start()
