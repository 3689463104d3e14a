"""What is raised when the processes of one run fall apart."""

from __future__ import annotations

import longtake as lt

__all__ = ["CollectiveError", "RankError"]


class RankError(lt.LongtakeError, RuntimeError):
    """The processes of a run did not come together, or one of them is lost.

    The pipeline cannot go on: all ranks are to be started again.
    """


class CollectiveError(RuntimeError):
    """Tensors could not be exchanged. Somebody's connection says which rank is the cause."""
