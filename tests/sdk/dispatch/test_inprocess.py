"""The dispatcher of one process: fair, cancellable, drained and closed without losing an order."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import numpy as np
import pytest
from attrs import evolve

import longtake as lt
from longtake.media.stills import decode_still
from longtake.plugins.loading import Plugin
from longtake.testing import DispatcherContract
from tests.sdk.toy_family import FOG, Clean, FogCodec, FogState, Noisy

WAIT = 60.0
"""Seconds after which something hangs; nothing waits so long otherwise."""


class Gate:
    """Holds the runs of `gated` pipelines at their steps until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Semaphore(0)

    def hold(self, run: lt.Run) -> None:
        self.entered.release()
        while not self.opened.wait(0.01):
            run.check_cancelled()


def gated(gate: Gate) -> lt.Pipeline:
    class Held:
        def __call__(self, noisy: Noisy, run: lt.Run) -> Clean:
            for _ in run.steps(2):
                gate.hold(run)
            return Clean(noisy.values)

    prepare, _, *others = FOG.stages
    return lt.Pipeline(FOG.evolve(stages=(prepare, lt.StageSpec("denoise", Held), *others)))


class Heard:
    """A listener that keeps what it was told. ``started``: ids of orders, as they are started."""

    def __init__(self, started: list[str] | None = None) -> None:
        self.events: list[lt.OrderEvent] = []
        self._started = [] if started is None else started
        self._over = threading.Event()

    def __call__(self, event: lt.OrderEvent) -> None:
        self.events.append(event)
        if isinstance(event, lt.OrderStarted):
            self._started.append(event.order_id)
        if isinstance(event, lt.OrderDone | lt.OrderFailed | lt.OrderCancelled):
            self._over.set()

    def end(self) -> lt.OrderEvent:
        assert self._over.wait(WAIT)
        return self.events[-1]

    def done(self) -> lt.OrderDone:
        end = self.end()
        assert isinstance(end, lt.OrderDone), end
        return end


class Hall:
    """Sessions of fog, and a dispatcher with gated pipelines ``w0``, ``w1``, ..."""

    def __init__(
        self, num_workers: int, stack: ExitStack, media: lt.MediaSink | None = None
    ) -> None:
        self.sessions = lt.open_session_store("memory:")
        self.blobs = lt.open_blob_store("memory:")
        self.gate = Gate()
        self.started: list[str] = []
        self.dispatcher = stack.enter_context(
            lt.InProcessDispatcher(
                [stack.enter_context(gated(self.gate)) for _ in range(num_workers)],
                sessions=self.sessions,
                blobs=self.blobs,
                media=media,
                worker_names=[f"w{index}" for index in range(num_workers)],
            )
        )

    def submit(self, order_id: str, *, prompt: str = "fog", revision: int | None = None) -> Heard:
        """An order named ``a1`` of session ``a``, which is made when it is not there."""
        session = order_id[0]
        with suppress(lt.SessionExists):
            self.sessions.create(session, family="fog", preset="thin@1")
        request = lt.GenerationRequest(prompt, output=lt.Output(overlap_frames=3))
        order = lt.StepOrder(
            id=order_id, session_id=session, request=request, expected_revision=revision
        )
        heard = Heard(self.started)
        self.dispatcher.submit(order, heard)
        return heard

    def running(self) -> None:
        """Wait until one more step was entered."""
        assert self.gate.entered.acquire(timeout=WAIT)


@pytest.fixture
def hall_of() -> Iterator[Callable[[int], Hall]]:
    with ExitStack() as stack:
        yield lambda num_workers: Hall(num_workers, stack)


def test_progress_brings_a_small_preview_now_and_then() -> None:
    tall = np.zeros((3, 600, 3, 3), np.uint8)
    tall[1] = (200, 40, 90)

    def shown(noisy: Noisy, run: lt.Run) -> Clean:
        for step in run.steps(3):
            run.emit(lt.Preview(run.stage, step + 1, 3, tall))
        return Clean(noisy.values)

    prepare, _, *others = FOG.stages
    family = FOG.evolve(stages=(prepare, lt.StageSpec("denoise", shown), *others))
    sessions = lt.open_session_store("memory:")
    sessions.create("a", family="fog", preset="thin@1")
    order = lt.StepOrder(id="a1", session_id="a", request=lt.GenerationRequest("fog"))
    told: list[lt.OrderEvent] = []
    with lt.Pipeline(family) as pipeline:
        roller = lt.Roller("w0", pipeline, sessions, None, None)
        end = roller.rolled(order, threading.Event(), told.append)
    assert isinstance(end, lt.OrderDone), end
    progress = [event for event in told if isinstance(event, lt.OrderProgress)]
    first, *_ = pngs = [event.preview for event in progress if event.preview is not None]
    assert len(pngs) < 3
    picture = decode_still(first)
    assert picture.shape == (200, 1, 3)
    assert (picture == (200, 40, 90)).all()
    assert "preview" not in repr(progress[-1])


def test_an_order_is_rolled_and_its_listener_told_all_the_way(
    hall_of: Callable[[int], Hall],
) -> None:
    hall = hall_of(1)
    hall.gate.opened.set()
    heard = hall.submit("a1", prompt="mist")
    done = heard.done()
    assert heard.events[:2] == [
        lt.OrderQueued(order_id="a1", place=0),
        lt.OrderStarted(order_id="a1", worker="w0"),
    ]
    progress = heard.events[2:-1]
    assert all(isinstance(event, lt.OrderProgress) for event in progress)
    fractions = [event.fraction for event in progress if isinstance(event, lt.OrderProgress)]
    assert fractions == sorted(fractions)
    assert lt.OrderProgress(order_id="a1", stage="denoise", step=2, steps=2, fraction=0.0) in [
        evolve(event, fraction=0.0) for event in progress if isinstance(event, lt.OrderProgress)
    ]
    assert done.revision == 1
    assert [done.segment] == hall.sessions.history("a")
    assert (done.segment.made_by, done.segment.request["prompt"]) == ("w0", "mist")


def test_segments_are_those_of_rolling_alone(hall_of: Callable[[int], Hall]) -> None:
    hall = hall_of(2)
    hall.gate.opened.set()
    orders = [hall.submit(f"a{number}", prompt=f"fog {number}") for number in range(6)]
    digests = [order.done().segment.state_digest for order in orders]
    alone = lt.open_session_store("memory:")
    alone.create("a", family="fog", preset="thin@1")
    with gated(hall.gate) as pipeline:
        for number in range(6):
            request = lt.GenerationRequest(f"fog {number}", output=lt.Output(overlap_frames=3))
            rolled = lt.roll(alone, "a", request, pipeline=pipeline, blobs=hall.blobs)
            assert rolled.segment.state_digest == digests[number]


def test_sessions_take_turns_and_places_are_told(hall_of: Callable[[int], Hall]) -> None:
    hall = hall_of(1)
    first = hall.submit("a1")
    hall.running()
    others = {name: hall.submit(name) for name in ("a2", "a3", "b1", "c1")}
    assert hall.dispatcher.status() == lt.DispatcherStatus(
        workers=(lt.WorkerStatus(name="w0", device="cpu", session_id="a", order_id="a1"),),
        queued=4,
        draining=False,
    )
    places = {name: heard.events[-1] for name, heard in others.items()}
    assert places == {
        name: lt.OrderQueued(order_id=name, place=place)
        for place, name in enumerate(("a2", "b1", "c1", "a3"))
    }
    hall.dispatcher.cancel("a1")  # one that is kept would let others of its session wait
    hall.gate.opened.set()
    first.end()
    for heard in others.values():
        heard.done()
    assert hall.started == ["a1", "a2", "b1", "c1", "a3"]


class Shelf:
    """A media sink that keeps the segments of a session when it is told to.

    ``finishes``: it makes the end of the take, too. ``ill``: sessions whose segments it loses.
    """

    def __init__(self, *, finishes: bool = False, ill: str = "") -> None:
        self.never_finishes = not finishes
        self.begun: dict[str, threading.Event] = defaultdict(threading.Event)
        self._may_end: dict[str, threading.Event] = defaultdict(threading.Event)
        self._ill = ill

    def keep(self, made: lt.MadeSegment, blobs: lt.BlobStore | None) -> tuple[str, ...]:
        if not self.never_finishes and made.finish is not None:
            made.finish()
        self.begun[made.session_id].set()
        assert self._may_end[made.session_id].wait(WAIT)
        if made.session_id in self._ill:
            raise OSError("the shelf fell")
        return ()

    def wait(self, session: str) -> None:
        """Until a segment of the session is being kept."""
        assert self.begun[session].wait(WAIT)

    def end(self, sessions: str) -> None:
        for session in sessions:
            self._may_end[session].set()


@pytest.fixture
def kept(request: pytest.FixtureRequest) -> Iterator[tuple[Hall, Shelf]]:
    """A hall with one worker, and the shelf where it keeps its segments."""
    shelf = Shelf(**getattr(request, "param", {}))
    with ExitStack() as stack:
        hall = Hall(1, stack, shelf)
        hall.gate.opened.set()
        stack.callback(shelf.end, "abcd")
        yield hall, shelf


@pytest.mark.parametrize(
    "kept", [{}, {"finishes": True}], ids=["not finishing", "finishing"], indirect=True
)
def test_the_next_segment_is_made_while_one_is_kept(kept: tuple[Hall, Shelf]) -> None:
    """Of another session: that of its own goes on from it."""
    hall, shelf = kept
    first, same, other = hall.submit("a1"), hall.submit("a2"), hall.submit("b1")
    shelf.wait("a")
    shelf.wait("b")  # it is made, and the first one is not kept yet
    assert hall.sessions.history("a") == []
    assert not any(isinstance(event, lt.OrderStarted) for event in same.events)
    shelf.end("b")
    assert other.done().revision == 1
    shelf.end("a")
    assert (first.done().revision, same.done().revision) == (1, 2)


def test_one_thread_loads_a_pipeline_and_makes_all_its_segments() -> None:
    """A thread that has computed makes others slow as long as it lives."""
    threads: list[threading.Thread] = []

    @contextmanager
    def computing() -> Iterator[None]:
        threads.append(threading.current_thread())
        yield

    family = FOG.evolve(load=lambda source: lt.LoadedModel(computing=computing))
    plugin = Plugin("fog", "fog", "1", "loaded", families=(family,))
    registry = lt.Registry([*lt.Registry.of("longtake.builtin").plugins, plugin])
    sessions = lt.open_session_store("memory:")
    with registry.use():
        dispatcher = lt.open_dispatcher(
            "inprocess:", lt.PipelineSpec(family="fog"), sessions=sessions
        )
        assert len(threads) == 1  # the networks are there
        for name in "abc":
            sessions.create(name, family="fog", preset="thin@1")
            order = lt.StepOrder(id=name, session_id=name, request=lt.GenerationRequest("fog"))
            dispatcher.submit(order, lambda _: None)
        assert dispatcher.drain(WAIT)
        dispatcher.close()
    assert len(threads) == 4
    (maker,) = set(threads)
    assert not maker.is_alive()


def test_a_third_segment_is_not_made_before_one_is_kept(kept: tuple[Hall, Shelf]) -> None:
    hall, shelf = kept
    hall.gate.opened.clear()
    hall.submit("a1")
    hall.running()
    waiting = {name: hall.submit(name) for name in ("b1", "c1")}
    hall.gate.opened.set()
    shelf.wait("a")
    shelf.wait("b")
    (worker,) = hall.dispatcher.status().workers
    assert (worker.order_id, worker.orders_done) == (None, 0)
    assert hall.dispatcher.status().queued == 1
    assert waiting["c1"].events == [lt.OrderQueued(order_id="c1", place=each) for each in (1, 0)]
    assert not shelf.begun["c"].is_set()
    shelf.end("b")
    shelf.wait("c")
    assert waiting["b1"].done().revision == 1


def test_the_status_is_of_what_is_made(kept: tuple[Hall, Shelf]) -> None:
    hall, shelf = kept
    hall.submit("a1")
    shelf.wait("a")
    assert hall.dispatcher.status().workers[0].order_id is None
    hall.gate.opened.clear()
    hall.submit("b1")
    for _ in range(3):  # the two steps of the first one, and one of its own
        hall.running()
    (worker,) = hall.dispatcher.status().workers
    assert (worker.session_id, worker.order_id, worker.orders_done) == ("b", "b1", 0)
    hall.gate.opened.set()


def test_what_is_being_kept_cannot_be_stopped_any_more(kept: tuple[Hall, Shelf]) -> None:
    hall, shelf = kept
    order = hall.submit("a1")
    shelf.wait("a")
    assert hall.dispatcher.cancel("a1")
    shelf.end("a")
    assert order.done().revision == 1
    assert not hall.dispatcher.cancel("a1")


@pytest.mark.parametrize("kept", [{"ill": "a"}], indirect=True)
def test_keeping_that_fails_ends_its_order_alone(kept: tuple[Hall, Shelf]) -> None:
    hall, shelf = kept
    lost, other = hall.submit("a1"), hall.submit("b1")
    shelf.wait("a")
    shelf.wait("b")
    shelf.end("ab")
    failed = lost.end()
    assert isinstance(failed, lt.OrderFailed)
    assert "the shelf fell" in str(failed.error)
    assert other.done().revision == 1
    assert hall.sessions.history("a") == []
    assert hall.dispatcher.status().workers[0].orders_done == 2


def test_draining_and_closing_wait_for_what_is_being_kept(kept: tuple[Hall, Shelf]) -> None:
    hall, shelf = kept
    first = hall.submit("a1")
    shelf.wait("a")
    hall.gate.opened.clear()
    running, waiting = hall.submit("b1"), hall.submit("c1")
    for _ in range(3):
        hall.running()
    assert not hall.dispatcher.drain(0.01)
    closing = threading.Thread(target=hall.dispatcher.close)
    closing.start()
    assert running.end() == lt.OrderCancelled(order_id="b1")
    assert waiting.end() == lt.OrderCancelled(order_id="c1")
    assert closing.is_alive()
    shelf.end("a")
    closing.join(WAIT)
    assert not closing.is_alive()
    assert first.done().revision == 1


def test_one_session_is_never_rolled_by_two_workers_at_once(
    hall_of: Callable[[int], Hall],
) -> None:
    hall = hall_of(2)
    hall.submit("a1")
    hall.running()
    waiting = hall.submit("a2")
    other = hall.submit("b1")
    hall.running()
    at = [worker.order_id for worker in hall.dispatcher.status().workers]
    assert sorted(map(str, at)) == ["a1", "b1"]
    hall.gate.opened.set()
    assert waiting.done().revision == 2
    assert other.done().revision == 1


def test_a_waiting_order_is_cancelled_at_once(hall_of: Callable[[int], Hall]) -> None:
    hall = hall_of(1)
    hall.submit("a1")
    hall.running()
    waiting, behind = hall.submit("a2"), hall.submit("a3")
    assert hall.dispatcher.cancel("a2")
    assert waiting.end() == lt.OrderCancelled(order_id="a2")
    assert behind.events[-1] == lt.OrderQueued(order_id="a3", place=0)
    assert not hall.dispatcher.cancel("a2")
    assert not hall.dispatcher.cancel("nobody")


def test_a_running_order_stops_and_leaves_nothing(hall_of: Callable[[int], Hall]) -> None:
    hall = hall_of(1)
    running = hall.submit("a1")
    hall.running()
    assert hall.dispatcher.cancel("a1")
    assert running.end() == lt.OrderCancelled(order_id="a1")
    assert not hall.dispatcher.cancel("a1")
    assert hall.sessions.history("a") == []
    hall.gate.opened.set()
    assert hall.submit("a1").done().revision == 1


def test_what_fails_ends_its_order_alone(hall_of: Callable[[int], Hall]) -> None:
    hall = hall_of(1)
    hall.gate.opened.set()
    hall.submit("a1").done()
    stale = hall.submit("a2", prompt="other", revision=7).end()
    assert isinstance(stale, lt.OrderFailed)
    assert isinstance(stale.error, lt.Conflict)
    assert hall.submit("a3").done().revision == 2
    assert hall.dispatcher.status().workers[0].orders_done == 3


@pytest.mark.parametrize("raised", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_a_worker_outlives_what_a_stage_raises(raised: type[BaseException]) -> None:
    def paint(job: lt.Job) -> lt.Frames:
        raise raised("ill")

    family = FOG.evolve(stages=(*FOG.stages[:2], paint, *FOG.stages[3:]))
    sessions = lt.open_session_store("memory:")
    sessions.create("a", family="fog", preset="thin@1")
    with (
        lt.Pipeline(family) as pipeline,
        lt.InProcessDispatcher([pipeline], sessions=sessions) as dispatcher,
    ):
        for number in range(2):
            heard = Heard()
            order = lt.StepOrder(
                id=f"a{number}", session_id="a", request=lt.GenerationRequest("fog")
            )
            dispatcher.submit(order, heard)
            end = heard.end()
            assert isinstance(end, lt.OrderFailed)
            assert "ill" in str(end.error)
    assert sessions.history("a") == []


def test_an_id_in_use_is_refused_and_free_when_its_order_is_over(
    hall_of: Callable[[int], Hall],
) -> None:
    hall = hall_of(1)
    first = hall.submit("a1")
    with pytest.raises(lt.ValidationError, match="not over") as refused:
        hall.submit("a1")
    assert refused.value.path == "order.id"
    hall.gate.opened.set()
    first.done()
    assert hall.submit("a1").done().revision == 2


def test_draining_ends_what_there_is_and_takes_no_more(hall_of: Callable[[int], Hall]) -> None:
    hall = hall_of(1)
    orders = [hall.submit("a1"), hall.submit("b1")]
    hall.running()
    assert not hall.dispatcher.drain(0.01)
    assert hall.dispatcher.status().draining
    with pytest.raises(lt.DispatcherClosed):
        hall.submit("c1")
    hall.gate.opened.set()
    assert hall.dispatcher.drain(WAIT)
    assert [type(heard.events[-1]) for heard in orders] == [lt.OrderDone, lt.OrderDone]


def test_closing_cancels_everything_and_may_be_repeated(hall_of: Callable[[int], Hall]) -> None:
    hall = hall_of(2)
    orders = [hall.submit(name) for name in ("a1", "a2", "b1", "c1")]
    hall.running()
    hall.dispatcher.close()
    assert [type(heard.events[-1]) for heard in orders] == [lt.OrderCancelled] * 4
    hall.dispatcher.close()
    with pytest.raises(lt.DispatcherClosed):
        hall.submit("d1")
    assert hall.sessions.history("a") == []


def test_a_session_that_its_worker_goes_on_with_is_not_decoded_again() -> None:
    decoded: list[object] = []

    class Codec(FogCodec):
        def decode(
            self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None
        ) -> FogState:
            decoded.append(state)
            return super().decode(state, blobs)

    sessions = lt.open_session_store("memory:")
    sessions.create("a", family="fog", preset="thin@1")
    with lt.Pipeline(FOG.evolve(codecs=(Codec(),))) as pipeline:
        for count in (0, 1):
            decoded.clear()
            with lt.InProcessDispatcher([pipeline], sessions=sessions) as dispatcher:
                for number in range(3):
                    heard = Heard()
                    request = lt.GenerationRequest("fog", output=lt.Output(overlap_frames=3))
                    order = lt.StepOrder(id=f"a{number}", session_id="a", request=request)
                    dispatcher.submit(order, heard)
                    heard.done()
            assert len(decoded) == count, "a new dispatcher reads the state once"


@pytest.mark.parametrize("names", [[], ["a"], ["a", "a"], ["a", ""], ["a", "b", "c"]])
def test_names_that_do_not_fit_the_pipelines_are_refused(names: list[str]) -> None:
    sessions = lt.open_session_store("memory:")
    with lt.Pipeline(FOG) as pipeline, pytest.raises(lt.ValidationError, match="worker_names"):
        lt.InProcessDispatcher([pipeline, pipeline], sessions=sessions, worker_names=names)


def test_a_dispatcher_without_a_pipeline_is_refused() -> None:
    with pytest.raises(lt.ValidationError, match="pipelines: is empty"):
        lt.InProcessDispatcher([], sessions=lt.open_session_store("memory:"))


def test_it_is_a_dispatcher(hall_of: Callable[[int], Hall]) -> None:
    assert isinstance(hall_of(1).dispatcher, lt.Dispatcher)


class TestInProcessDispatcher(DispatcherContract):
    @pytest.fixture
    def dispatcher(self, sessions: lt.SessionStore) -> Iterator[lt.InProcessDispatcher]:
        with lt.Pipeline(self.family) as first, lt.Pipeline(self.family) as second:
            yield lt.InProcessDispatcher([first, second], sessions=sessions)
