"""What plugin authors test with: contracts to subclass, and fixtures that pytest finds by itself.

Needs the extra ``longtake[testing]``. Uses Longtake's public names only. Importing this package
imports nothing; each name is imported when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longtake.testing.authenticators.contract import (
        AuthenticatorContract as AuthenticatorContract,
    )
    from longtake.testing.blobs.contract import BlobStoreContract as BlobStoreContract
    from longtake.testing.blobs.contract import CloseContract as CloseContract
    from longtake.testing.blobs.contract import LeaseContract as LeaseContract
    from longtake.testing.blobs.contract import PathContract as PathContract
    from longtake.testing.blobs.contract import RangeContract as RangeContract
    from longtake.testing.blobs.contract import RawBlobs as RawBlobs
    from longtake.testing.blobs.contract import StatContract as StatContract
    from longtake.testing.blobs.contract import WatchedStore as WatchedStore
    from longtake.testing.codecs.contract import CodecContract as CodecContract
    from longtake.testing.dispatchers.contract import DispatcherContract as DispatcherContract
    from longtake.testing.distributions import FakeDistributions as FakeDistributions
    from longtake.testing.distributions import Finished as Finished
    from longtake.testing.families.contract import FamilyContract as FamilyContract
    from longtake.testing.observers.contract import ObserverContract as ObserverContract
    from longtake.testing.sessions.contract import SessionStoreContract as SessionStoreContract
else:
    _HOMES = {
        "AuthenticatorContract": "authenticators.contract",
        "BlobStoreContract": "blobs.contract",
        "CloseContract": "blobs.contract",
        "CodecContract": "codecs.contract",
        "DispatcherContract": "dispatchers.contract",
        "FakeDistributions": "distributions",
        "FamilyContract": "families.contract",
        "Finished": "distributions",
        "LeaseContract": "blobs.contract",
        "ObserverContract": "observers.contract",
        "PathContract": "blobs.contract",
        "RangeContract": "blobs.contract",
        "RawBlobs": "blobs.contract",
        "SessionStoreContract": "sessions.contract",
        "StatContract": "blobs.contract",
        "WatchedStore": "blobs.contract",
    }
    __all__ = sorted(_HOMES)

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module 'longtake.testing' has no attribute {name!r}")
        import sys
        from importlib import import_module

        import pytest

        part = f"longtake.testing.{_HOMES[name].partition('.')[0]}"
        if part not in sys.modules:
            pytest.register_assert_rewrite(part)  # so that a failure says what differed
        value = getattr(import_module(f"longtake.testing.{_HOMES[name]}"), name)
        globals()[name] = value
        return value

    def __dir__():
        return [*globals(), *__all__]
