"""The contract of blob stores: the tests that every store passes.

    class TestMyBlobs(BlobStoreContract):
        @pytest.fixture
        def store(self, tmp_path):
            return open_store(f"mine://{tmp_path}")

The rest follows from what the store can do. A store that pickles is opened in other processes,
where it is also killed. What lies behind it is reached through `longtake.RecordBlobStore.records`
or `longtake.SupportsPath`, or the fixture ``raw``. What is left out is skipped with the reason.
"""

from __future__ import annotations

from longtake.testing.blobs.atomicity import AtomicityContract
from longtake.testing.blobs.basics import BasicsContract
from longtake.testing.blobs.concurrency import ConcurrencyContract
from longtake.testing.blobs.ids import IdsContract
from longtake.testing.blobs.inputs import InputsContract
from longtake.testing.blobs.integrity import IntegrityContract
from longtake.testing.blobs.kills import KillsContract
from longtake.testing.blobs.leases import LeaseContract
from longtake.testing.blobs.limits import LimitsContract
from longtake.testing.blobs.outages import OutagesContract
from longtake.testing.blobs.powers import CloseContract, PathContract, RangeContract, StatContract
from longtake.testing.blobs.processes import ProcessesContract
from longtake.testing.blobs.raw import RawBlobs
from longtake.testing.blobs.secrecy import SecrecyContract
from longtake.testing.blobs.unleased import ListingContract, RenewalContract
from longtake.testing.blobs.watched_store import WatchedStore

__all__ = [
    "BlobStoreContract",
    "CloseContract",
    "LeaseContract",
    "PathContract",
    "RangeContract",
    "RawBlobs",
    "StatContract",
    "WatchedStore",
]


class BlobStoreContract(
    BasicsContract,
    InputsContract,
    IdsContract,
    IntegrityContract,
    AtomicityContract,
    ProcessesContract,
    KillsContract,
    ConcurrencyContract,
    SecrecyContract,
    LimitsContract,
    OutagesContract,
    StatContract,
    RangeContract,
    PathContract,
    CloseContract,
    LeaseContract,
    RenewalContract,
    ListingContract,
):
    """Every test of a blob store. Subclass it and define the fixture ``store``."""
