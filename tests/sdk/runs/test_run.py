"""What a stage is handed: steps, cancellation and random numbers, also when it is tried alone."""

from __future__ import annotations

import pytest

import longtake as lt


def test_steps_count_and_report_each_when_it_is_done() -> None:
    events: list[lt.Event] = []
    run = lt.Run(stage="denoise", listener=events.append)
    assert [(step, len(events)) for step in run.steps(3)] == [(0, 0), (1, 1), (2, 2)]
    assert events == [lt.Progress("denoise", done, 3) for done in (1, 2, 3)]


def test_no_steps_are_no_events() -> None:
    events: list[lt.Event] = []
    assert list(lt.Run(listener=events.append).steps(0)) == []
    assert events == []


def test_a_preview_is_worth_making_for_a_reader_alone() -> None:
    assert not lt.Run().is_read
    assert lt.Run(listener=print).is_read
    assert not lt.Run(listener=print, tells_observers_alone=True).is_read


@pytest.mark.parametrize("cancelled_in", [0, 1, 2])
def test_steps_stop_after_the_step_that_was_cancelled(cancelled_in: int) -> None:
    done: list[int] = []
    run = lt.Run(stage="denoise", is_cancelled=lambda: len(done) > cancelled_in)
    with pytest.raises(lt.Cancelled, match="'denoise'"):
        done.extend(run.steps(3))
    assert done == list(range(cancelled_in + 1))


def test_a_run_that_is_cancelled_already_takes_no_step() -> None:
    run = lt.Run(is_cancelled=lambda: True)
    with pytest.raises(lt.Cancelled):
        next(run.steps(3))
    with pytest.raises(lt.Cancelled):
        run.check_cancelled()


def test_random_numbers_depend_on_the_seed_and_the_purpose_alone() -> None:
    first = lt.Run(seed=1, stage="a").random("noise").random()
    assert lt.Run(seed=1, stage="b", device="cuda").random("noise").random() == first
    assert lt.Run(seed=2).random("noise").random() != first
    assert lt.Run(seed=1).random("sound").random() != first


def test_random_numbers_are_the_same_on_every_worker() -> None:
    numbers = lt.Run(seed=1).random("noise")
    assert [numbers.randrange(1000) for _ in range(4)] == NOISE_OF_SEED_1


NOISE_OF_SEED_1 = [5, 170, 676, 505]
