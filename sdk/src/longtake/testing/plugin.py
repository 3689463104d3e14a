"""The pytest plugin of Longtake: fixtures, markers, and the option that records states.

Pytest loads it wherever Longtake is installed, so it imports next to nothing.

Fixtures: ``longtake_registry``, ``longtake_distributions``. Markers: ``longtake_slow``,
``longtake_no_leaked_stores``; the ini option ``longtake_no_leaked_stores = true`` marks every
test. Options: ``--record-states``, ``--longtake-kills``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import longtake as lt
    from longtake.testing.distributions import FakeDistributions
    from longtake.testing.families.trying import Workshop

_NO_LEAKS = "longtake_no_leaked_stores"
_MARKERS = (
    "longtake_slow: takes seconds, because it starts processes or tries much; "
    "leave such tests out with -m 'not longtake_slow'",
    f"{_NO_LEAKS}: fails when a blob store that longtake.open_blob_store opened is not closed",
)
# Now, for later they may be imported: asserts of the contracts say what they compared.
pytest.register_assert_rewrite(
    "longtake.testing.authenticators",
    "longtake.testing.blobs",
    "longtake.testing.codecs",
    "longtake.testing.distributions",
    "longtake.testing.families",
    "longtake.testing.observers",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the contracts."""
    group = parser.getgroup("longtake")
    group.addoption(
        "--record-states",
        action="store_true",
        help="write the state of the current version beside the test of a family; commit it",
    )
    group.addoption(
        "--longtake-kills",
        type=int,
        metavar="N",
        help="kill N processes in each test of a blob store that kills, for a longer session",
    )
    parser.addini(_NO_LEAKS, "every test closes the blob stores that it opens", "bool", False)


def pytest_configure(config: pytest.Config) -> None:
    """Say what the markers mean."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that must not leak stores are watched from before their other fixtures."""
    always = config.getini(_NO_LEAKS)
    for item in items:
        wanted = always or item.get_closest_marker(_NO_LEAKS) is not None
        if wanted and isinstance(item, pytest.Function):
            item.fixturenames.insert(0, "_longtake_watched_stores")


@pytest.fixture
def _longtake_watched_stores() -> Iterator[None]:
    """Fails when a store that was opened meanwhile is open at the end."""
    from longtake.testing.leaks import open_ones, watched_stores

    with watched_stores() as opened:
        yield
    leaked = open_ones(opened)
    if leaked:
        pytest.fail("blob stores were opened and not closed: " + ", ".join(leaked))


@pytest.fixture
def longtake_registry() -> Iterator[Callable[..., lt.Registry]]:
    """``longtake_registry("longtake_fog", ...)``: a registry of these plugins alone.

    Until the end of the test it is the process's default one: what `longtake.load` and
    `longtake.open_blob_store` look names up in, and what `longtake.Registry.default` returns.
    Longtake's own stores are the module ``"longtake.builtin"``. Raises like `Registry.of`.
    """
    with ExitStack() as uses:

        def use(*modules: str) -> lt.Registry:
            import longtake as lt

            return uses.enter_context(lt.Registry.of(*modules).use())

        yield use


@pytest.fixture
def longtake_distributions(tmp_path: Path) -> FakeDistributions:
    """Distributions that new processes take for installed; nothing is added yet."""
    from longtake.testing.distributions import FakeDistributions

    folder = tmp_path / "longtake-distributions"
    folder.mkdir()
    return FakeDistributions(folder)


@pytest.fixture(scope="class")
def longtake_workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """The families that the tests of a `FamilyContract` share."""
    from longtake.testing.families.trying import Workshop

    workshop = Workshop(lambda: tmp_path_factory.mktemp("family"))
    yield workshop
    workshop.close()
