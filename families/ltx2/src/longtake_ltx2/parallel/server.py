"""Every rank but 0: it has the transformer alone, and does what rank 0 tells it."""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import torch

from longtake_ltx2.forward.sharding import sharded
from longtake_ltx2.lora.adapters import Adapters
from longtake_ltx2.lora.refine import load_refine_lora
from longtake_ltx2.parallel.connections import Connection, Message
from longtake_ltx2.parallel.errors import CollectiveError, RankError
from longtake_ltx2.parallel.group import TensorGroup
from longtake_ltx2.parallel.leader import GRACE_SECONDS
from longtake_ltx2.parallel.messages import receive_denoiser

__all__ = ["Server"]

logger = logging.getLogger(__name__)

_SECONDS_TO_LEARN_THE_CAUSE = 2.0


class Server:
    """Follows rank 0 until it closes its pipeline, or is gone.

    ``join``: joins the group of all ranks, which waits for them. ``makers``: of the components, by
    name; the transformer is made when rank 0 makes its own.
    """

    def __init__(
        self,
        connection: Connection,
        join: Callable[[], TensorGroup],
        makers: Mapping[str, Callable[[], Any]],
    ) -> None:
        self._connection = connection
        self._join = join
        self._group: TensorGroup | None = None
        self._makers = makers
        self._transformer: Any = None
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._told_why = threading.Event()
        self._why: str | None = None
        self._leaves = threading.Event()
        connection.listen(self._heard)

    def serve(self) -> NoReturn:
        """Raises `SystemExit` with status 0 when rank 0 needs this rank no longer.

        Raises `RankError` when rank 0 is gone, or when a rank is lost; and whatever goes wrong
        here, which rank 0 then reports too.
        """
        try:
            with _signals_are_for_rank_0(), torch.no_grad():
                self._group = self._join()
                self._follow(self._group)
        except CollectiveError as error:
            self._give_up()
            self._report(error, consequence=True)
            self._told_why.wait(_SECONDS_TO_LEARN_THE_CAUSE)
            raise RankError(self._why or f"rank 0 cannot be reached: {error}") from error
        except BaseException as error:
            self._give_up()
            if self._why is None:
                self._report(error, consequence=False)
            raise
        finally:
            self._leaves.set()
            if self._group is not None:
                self._group.leave()
        raise SystemExit(0)

    def _give_up(self) -> None:
        if self._group is not None:
            self._group.abort()

    def _report(self, error: BaseException, *, consequence: bool) -> None:
        """Tell rank 0 what went wrong; ``consequence``: most likely because of another rank."""
        failed = f"{type(error).__name__}: {error}"
        with suppress(OSError):
            self._connection.send({"failed": failed, "consequence": consequence})

    def _follow(self, group: TensorGroup) -> None:
        while (message := self._next())["do"] != "end":
            if message["do"] == "load":
                self._transformer = self._makers["transformer"]()
                self._connection.send({})
            elif message["do"] == "denoise":
                self._denoise(message, group)
                group.synchronize()
                self._connection.send({})
            else:
                raise RankError(f"rank 0 said {message['do']!r}, which makes no sense now")

    def _denoise(self, message: Message, group: TensorGroup) -> None:
        self._switch_loras(message["loras"])
        denoiser = receive_denoiser(message, self._transformer, group)
        video = torch.empty_like(denoiser.noisy.video.latents)
        audio = torch.empty_like(denoiser.noisy.audio.latents)
        sigma = torch.empty((), dtype=torch.float32, device=group.device)
        with sharded(self._transformer, group):
            while self._next()["do"] == "step":
                for tensor in (video, audio, sigma):
                    group.broadcast(tensor)
                denoiser.predictions(video, audio, sigma)

    def _switch_loras(self, weights: Mapping[str, float]) -> None:
        """The LoRAs that are on at rank 0 are on here as strongly, and no others."""
        adapters, names = Adapters(self._transformer), set(weights)
        if names - set(adapters.loaded):  # rank 0 has met the stage that loads it
            load_refine_lora(self._transformer, self._makers["lora_path"]())
        if missing := names - set(adapters.loaded):
            raise RankError(f"this rank has not the LoRAs {sorted(missing)} of rank 0")
        if weights != adapters.weights:
            adapters.activate(weights)

    def _next(self) -> Message:
        message = self._inbox.get()
        if message["do"] == "abort":
            raise RankError(message["why"])
        return message

    def _heard(self, message: Message | None) -> None:
        """Called by the thread of the connection."""
        if message is None:
            message = {"do": "abort", "why": "rank 0 ended (killed, or cut off)"}
        self._inbox.put(message)
        if message["do"] == "abort":
            self._why = self._why or message["why"]
            self._told_why.set()
            self._end_soon(self._why)

    def _end_soon(self, why: str) -> None:
        """End the process unless it ends by itself: it may wait for a rank that is gone."""
        if not self._leaves.is_set():
            self._give_up()
        if not self._leaves.wait(GRACE_SECONDS):
            logger.critical("%s", why)
            os._exit(1)


@contextmanager
def _signals_are_for_rank_0() -> Iterator[None]:
    """Ctrl-C in a terminal reaches all ranks; rank 0 decides what to make of it, and says so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
