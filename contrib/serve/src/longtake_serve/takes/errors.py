"""What a service of takes refuses for another reason than a wrong value."""

from __future__ import annotations

import longtake as lt

__all__ = ["ServiceClosed", "TakeBusy", "TakeFinished"]


class TakeFinished(lt.SessionError, RuntimeError):
    """The take is finished and changes no more; a fork of it can go on."""


class TakeBusy(lt.SessionError, RuntimeError):
    """There is work on the take that must end, or be cancelled, first."""


class ServiceClosed(lt.LongtakeError, RuntimeError):
    """The service takes nothing more, for it is being shut down."""
