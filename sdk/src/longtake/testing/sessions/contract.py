"""The contract of session stores: the tests that every store passes.

    class TestMySessions(SessionStoreContract):
        @pytest.fixture
        def store(self, tmp_path):
            return open_store(f"mine://{tmp_path}")

The rest follows from what the store can do: each power is tested where it is. A store that pickles
is opened in other processes, where it is also killed. What is left out is skipped with the reason.
"""

from __future__ import annotations

from longtake.testing.sessions.advancing import AdvancingContract
from longtake.testing.sessions.basics import SessionBasicsContract
from longtake.testing.sessions.branches import BranchesContract
from longtake.testing.sessions.claims import ClaimsContract
from longtake.testing.sessions.exactness import ExactnessContract
from longtake.testing.sessions.expiry import ExpiryContract
from longtake.testing.sessions.handles import HandlesContract
from longtake.testing.sessions.holds import HoldsContract
from longtake.testing.sessions.ids import SessionIdsContract
from longtake.testing.sessions.listing import ListingContract
from longtake.testing.sessions.outages import SessionOutagesContract
from longtake.testing.sessions.processes import SessionProcessesContract

__all__ = ["SessionStoreContract"]


class SessionStoreContract(
    SessionBasicsContract,
    SessionIdsContract,
    ExactnessContract,
    ListingContract,
    AdvancingContract,
    SessionProcessesContract,
    BranchesContract,
    HoldsContract,
    ClaimsContract,
    ExpiryContract,
    HandlesContract,
    SessionOutagesContract,
):
    """Every test of a session store. Subclass it and define the fixture ``store``."""
