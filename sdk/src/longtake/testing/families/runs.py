"""A run can be stopped, may fail, and leaves the pipeline as it was."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Any

import pytest
from attrs import define, field

import longtake as lt
from longtake.testing.families import observer_plugin
from longtake.testing.families.fixtures import FamilyFixtures
from longtake.testing.families.trying import PROMPT, TriedFamily, first_step, same_segment

__all__ = ["RunContract"]


class RunContract(FamilyFixtures):
    """Cancelling, failing, closing."""

    def test_cancelling_stops_within_one_step(self, tried: TriedFamily) -> None:
        cancel, done = threading.Event(), 0
        with (
            tried.loaded() as pipeline,
            closing(pipeline.stream(tried.opening(), cancel=cancel.is_set)) as events,
        ):
            step = first_step(events)
            if step is None:
                pytest.skip("no stage counts its steps; stages are stopped between each other")
            _from_another_thread(cancel.set)
            with pytest.raises(lt.Cancelled):
                for event in events:
                    done += isinstance(event, lt.Progress) and event.step > 0
        assert done <= 1, (
            f"{done} more steps ran after the run was cancelled; count them with Run.steps, or ask "
            "Run.check_cancelled between them"
        )

    def test_a_closed_stream_runs_no_further_stage(self, tried: TriedFamily) -> None:
        with _Probed(tried) as (pipeline, probes):
            with closing(pipeline.stream(tried.opening())) as events:
                step = first_step(events)
                if step is None:
                    pytest.skip("no stage counts its steps")
                before = [probe.calls for probe in probes]
            assert [probe.calls for probe in probes] == before, "stages ran on after the close"

    def test_a_cancelled_run_leaves_the_pipeline_as_it_was(self, tried: TriedFamily) -> None:
        tried.needs_same("first_again", "first_elsewhere")
        cancelled = threading.Event()
        cancelled.set()
        with tried.loaded() as pipeline:
            with pytest.raises(lt.Cancelled):
                pipeline.generate(tried.opening(), cancel=cancelled.is_set)
            with closing(pipeline.stream(tried.opening())) as events:
                first_step(events)
            different = same_segment(tried.first, pipeline.generate(tried.opening()))
        assert not different, f"after a cancelled run {different} has other bits"

    def test_a_failed_run_leaves_the_pipeline_as_it_was(self, tried: TriedFamily) -> None:
        tried.needs_same("first_again", "first_elsewhere")
        with _Probed(tried) as (pipeline, probes):
            for index in sorted({0, len(probes) // 2, len(probes) - 1}):
                probes[index].fails = True
                with pytest.raises(lt.StageError):
                    pipeline.generate(tried.opening())
                probes[index].fails = False
                different = same_segment(tried.first, pipeline.generate(tried.opening()))
                assert not different, f"after a failed run {different} has other bits"

    def test_observers_are_told_of_every_stage(self, plugin: str, tried: TriedFamily) -> None:
        registry = lt.Registry.of(plugin, observer_plugin.__name__)
        with tried.loaded(registry=registry) as pipeline, observer_plugin.watched_runs() as events:
            pipeline.generate(tried.opening())
            recipe = [spec.name for spec in pipeline.recipe]
        first, last = events[0], events[-1]
        assert isinstance(first, lt.RunStarted) and first.family == tried.family.name
        assert isinstance(last, lt.RunEnded) and last.outcome == "done"
        assert [e.stage for e in events if isinstance(e, lt.StageStarted)] == recipe
        assert [e.stage for e in events if isinstance(e, lt.StageEnded)] == recipe
        assert not [event for event in events if PROMPT in repr(event)], "an event has the prompt"

    def test_a_closed_pipeline_says_so(self, tried: TriedFamily) -> None:
        pipeline = tried.load()
        pipeline.close()
        pipeline.close()
        with pytest.raises(lt.PipelineClosedError):
            pipeline.generate(tried.opening())

    def test_runs_of_several_threads_do_not_mix(self, tried: TriedFamily) -> None:
        tried.needs_same("first_again")
        results: list[lt.GenerationResult] = []
        threads = [
            threading.Thread(
                target=lambda: results.append(tried.pipeline.generate(tried.opening())),
                name=f"longtake-testing-{index}",
            )
            for index in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == len(threads), "a run of another thread failed"
        assert [same_segment(tried.first, result) for result in results] == [""] * len(threads)


@define(eq=False)
class _Probe:
    """A stage that counts its calls and fails when it is told to."""

    calls: int = 0
    fails: bool = False
    index: int = field(default=0)

    def __call__(self) -> None:
        self.calls += 1
        if self.fails:
            raise RuntimeError("a stage that fails on purpose")


class _Probed:
    """A pipeline of the family with a probe after every stage; closed at the end."""

    def __init__(self, tried: TriedFamily) -> None:
        preset = tried.pipeline.preset
        recipe = tried.pipeline.recipe
        self.probes = [_Probe(index=index) for index in range(len(recipe))]
        stages: list[Any] = []
        for spec, probe in zip(recipe, self.probes, strict=True):
            stages += [spec, lt.StageSpec(f"probe_{probe.index}", probe)]
        probed = preset.evolve(stages=tuple(stages), overrides={}, base=None, edits=())
        family = tried.family.evolve(presets=(probed,))
        self.pipeline = tried.load(probed.name, family=family)

    def __enter__(self) -> tuple[lt.Pipeline, list[_Probe]]:
        return self.pipeline, self.probes

    def __exit__(self, *exception: object) -> None:
        self.pipeline.close()


def _from_another_thread(work: Any) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
