"""Rank 0: it runs the pipeline, and has the other ranks compute along while it denoises."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import torch
from attrs import frozen

from longtake_ltx2.denoising.denoiser import Denoiser
from longtake_ltx2.denoising.guidance import Predictions
from longtake_ltx2.forward.sharding import sharded
from longtake_ltx2.lora.adapters import Adapters
from longtake_ltx2.parallel.connections import Connection, Message
from longtake_ltx2.parallel.errors import CollectiveError, RankError
from longtake_ltx2.parallel.group import TensorGroup
from longtake_ltx2.parallel.messages import denoiser_message, send_denoiser

__all__ = ["GRACE_SECONDS", "Leader", "Predict", "shared_predictions"]

logger = logging.getLogger(__name__)

Predict = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], tuple[Predictions, Predictions]]
"""`Denoiser.predictions`, on however many ranks."""

GRACE_SECONDS = 10.0
"""How long a process may stay in an exchange with a rank that is gone, before it is ended."""

_SECONDS_TO_LEARN_THE_CAUSE = 2.0
_OWN_FAILURE, _GONE, _CONSEQUENCE = range(3)


@contextmanager
def shared_predictions(denoiser: Denoiser, leader: Leader | None) -> Iterator[Predict]:
    """What predicts the steps of one denoising loop: ``denoiser``, or all ranks with it."""
    if leader is None:
        yield denoiser.predictions
    else:
        with leader.share(denoiser) as predict:
            yield predict


@frozen
class _Loss:
    severity: int
    rank: int
    reason: str


class Leader:
    """The other ranks, as rank 0 sees them: what it tells them, and whether they are all there.

    ``join``: joins the group of all ranks, which waits for them. Once a rank is lost, everything
    raises `RankError`, which names it and says why.
    """

    def __init__(
        self, connections: Mapping[int, Connection], join: Callable[[], TensorGroup]
    ) -> None:
        self._connections = dict(connections)
        self._group: TensorGroup | None = None
        self._changed = threading.Condition()
        self._answers: dict[int, Message] = {}
        self._losses: list[_Loss] = []
        self._exchanging = False
        self._closed = False
        self._said = False
        for rank, connection in self._connections.items():
            connection.listen(partial(self._heard, rank))
        with self._exchange():
            self._group = join()
        atexit.register(self.close)  # the others end in order also when nobody closes the pipeline

    def load(self, make: Callable[[], Any]) -> Any:
        """Make the transformer here and, at the same time, on the other ranks."""
        self._tell({"do": "load"})
        transformer = make()
        self._await_answers()
        return transformer

    @contextmanager
    def share(self, denoiser: Denoiser) -> Iterator[Predict]:
        """All ranks have the conditioning meanwhile; the other ranks are ready again after it."""
        group = self._joined_group()
        message, tensors = denoiser_message(denoiser)
        weights = Adapters(denoiser.transformer).weights
        self._tell({"do": "denoise", "loras": weights, **message})
        with self._exchange():
            send_denoiser(tensors, group)
        try:
            with sharded(denoiser.transformer, group):
                yield partial(self._predictions, denoiser, group)
        finally:
            if not self._losses:
                self._tell({"do": "stop"})
                self._await_answers()

    def close(self) -> None:
        """The other ranks end, with status 0. Closing twice does nothing.

        The loss of a rank that nothing has raised is logged: a launcher stops rank 0 soon after it,
        which would look like an interruption and no more.
        """
        if self._closed:
            return
        if self._losses and not self._said:
            logger.error("%s", self._error())
        self._closed = True
        atexit.unregister(self.close)
        for connection in self._connections.values():
            with suppress(OSError):
                connection.send({"do": "end"})
        self._leave_group()

    def _predictions(
        self,
        denoiser: Denoiser,
        group: TensorGroup,
        video: torch.Tensor,
        audio: torch.Tensor,
        sigma: torch.Tensor,
    ) -> tuple[Predictions, Predictions]:
        self._tell({"do": "step"})
        with self._exchange():
            for tensor in (video, audio, sigma):
                group.broadcast(tensor.contiguous())
            return denoiser.predictions(video, audio, sigma)

    def _tell(self, message: Message) -> None:
        self._check()
        for rank, connection in self._connections.items():
            try:
                connection.send(message)
            except OSError:
                self._lose(_Loss(_GONE, rank, "ended"))
        self._check()

    def _await_answers(self) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._losses or self._answers.keys() >= {*self._connections}
            )
            self._answers.clear()
        self._check()

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """Tensors go round: whatever is raised leaves the ranks out of step, and ends them."""
        self._exchanging = True
        try:
            yield
            self._check()
        except CollectiveError as error:
            with self._changed:
                self._changed.wait_for(
                    lambda: any(loss.severity < _CONSEQUENCE for loss in self._losses),
                    _SECONDS_TO_LEARN_THE_CAUSE,
                )
            self._lose(_Loss(_CONSEQUENCE, 0, str(error)))
            self._said = True
            raise self._error() from error
        except BaseException as error:
            self._lose(_Loss(_OWN_FAILURE, 0, f"failed: {type(error).__name__}: {error}"))
            raise
        finally:
            with self._changed:
                self._exchanging = False
                self._changed.notify_all()

    def _heard(self, rank: int, message: Message | None) -> None:
        """Called by the thread of the connection to ``rank``."""
        if message is None:
            self._lose(_Loss(_GONE, rank, "ended (killed, or cut off)"))
        elif "failed" in message:
            severity = _CONSEQUENCE if message["consequence"] else _OWN_FAILURE
            self._lose(_Loss(severity, rank, f"failed: {message['failed']}"))
        else:
            with self._changed:
                self._answers[rank] = message
                self._changed.notify_all()

    def _lose(self, loss: _Loss) -> None:
        """Nothing goes on without a rank: the others are sent away, and rank 0 is not kept."""
        with self._changed:
            is_first = not self._losses
            if not self._closed and all(known.rank != loss.rank for known in self._losses):
                self._losses.append(loss)
                self._changed.notify_all()
        if is_first and not self._closed:
            threading.Thread(target=self._break_up, name="longtake-ranks", daemon=True).start()

    def _break_up(self) -> None:
        with self._changed:  # a moment for the cause to be known
            self._changed.wait_for(
                lambda: any(loss.severity < _CONSEQUENCE for loss in self._losses), 1.0
            )
        for connection in self._connections.values():
            with suppress(OSError):
                connection.send({"do": "abort", "why": str(self._error())})
            connection.hang_up()
        if self._group is not None:
            self._group.abort()
        with self._changed:
            self._changed.wait_for(lambda: not self._exchanging, GRACE_SECONDS)
        if self._exchanging:
            logger.critical("%s", self._error())
            os._exit(1)  # the main thread waits in another library for a rank that is gone
        self._leave_group()

    def _leave_group(self) -> None:
        if self._group is not None:
            self._group.leave()

    def _joined_group(self) -> TensorGroup:
        self._check()
        assert self._group is not None
        return self._group

    def _check(self) -> None:
        if self._losses:
            self._said = True
            raise self._error()
        if self._closed:
            raise RankError("the other ranks have ended with the pipeline they served")

    def _error(self) -> RankError:
        loss = min(self._losses, key=lambda loss: loss.severity)
        world = len(self._connections) + 1
        return RankError(f"rank {loss.rank} of {world} {loss.reason}; start all ranks again")
