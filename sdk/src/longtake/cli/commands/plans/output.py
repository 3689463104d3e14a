"""How a plan is shown: tables with units for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
from attrs import asdict

from longtake.cli.commands.plans.memory import Alternative, Fit
from longtake.cli.commands.plans.speed import Speed
from longtake.cli.terminal.tables import print_table
from longtake.families.estimates import RunEstimate, SegmentEstimate, StageEstimate
from longtake.families.family import ModelFamily
from longtake.families.published import PublishedCheckpoint
from longtake.requests.request import Job

__all__ = ["plan_record", "print_plan", "print_published", "published_record"]

_LEFT_TO_OTHERS = 2 * 2**30


def plan_record(
    family: ModelFamily,
    preset_name: str,
    job: Job,
    estimate: RunEstimate,
    published: PublishedCheckpoint | None,
    fit: Fit,
    speed: Speed,
    added: Mapping[str, str],
) -> dict[str, Any]:
    """The plan as plain JSON, every segment and number in it.

    ``added``: the distributions of the stages that extensions bring, by their names.
    """
    sampling = job.sampling
    return {
        "family": family.name,
        "preset": preset_name,
        "published": None if published is None else published_record(family, published),
        "height": sampling.height,
        "width": sampling.width,
        "num_frames": sampling.num_frames,
        "fps": str(sampling.fps),
        "notes": list(estimate.notes),
        "flops": estimate.flops,
        "weight_bytes": estimate.weight_bytes,
        "peak_bytes": estimate.peak_bytes,
        "memory": fit.record(),
        "speed": speed.record(),
        "seconds": speed.seconds(estimate.flops),
        "segments": [_segment_record(segment, speed, added) for segment in estimate.segments],
    }


def published_record(family: ModelFamily, checkpoint: PublishedCheckpoint) -> dict[str, Any]:
    """What is known of a published checkpoint, as plain JSON."""
    return {
        "name": checkpoint.name,
        "aliases": list(checkpoint.aliases),
        "family": family.name,
        "repository": checkpoint.repository,
        "licence": checkpoint.licence,
        "disk_bytes": checkpoint.disk_bytes,
        "download": checkpoint.download_command,
        "description": checkpoint.description,
    }


def print_published(known: Sequence[tuple[ModelFamily, PublishedCheckpoint]]) -> None:
    """The published checkpoints that families know, and how each is fetched."""
    print_table(
        ("published", "family", "repository", "on disk", "licence"),
        [
            (each.name, family.name, each.repository, _on_disk(each.disk_bytes), each.licence)
            for family, each in known
        ],
    )
    for _, each in known:
        click.echo(f"\n{each.name}: {each.description or each.repository}")
        click.echo(f"  {each.download_command}")


def _on_disk(num_bytes: int) -> str:
    return f"{num_bytes / 10**9:.0f} GB"


def _segment_record(
    segment: SegmentEstimate, speed: Speed, added: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "new_frames": segment.new_frames,
        "flops": segment.flops,
        "seconds": speed.seconds(segment.flops),
        "peak_bytes": segment.peak_bytes,
        "stages": [
            {
                **asdict(stage),
                "flops": stage.flops,
                "passes_per_step": len(stage.passes),
                "extension": added.get(stage.name),
            }
            for stage in segment.stages
        ],
    }


def print_plan(
    family: ModelFamily,
    preset_name: str,
    job: Job,
    estimate: RunEstimate,
    published: PublishedCheckpoint | None,
    fit: Fit,
    speed: Speed,
    added: Mapping[str, str],
) -> None:
    """The answer, then tables: the first two segments, and what all add up to."""
    _print_fit(fit)
    _print_speed(estimate, speed)
    if published is not None:
        click.echo(
            f"{published.name} is {published.repository}: {_on_disk(published.disk_bytes)} on "
            f"disk, {published.licence}"
        )
    click.echo()
    sampling = job.sampling
    count = len(estimate.segments)
    click.echo(
        f"{family.name}, preset {preset_name}: {sampling.height}x{sampling.width}, "
        f"{sampling.num_frames} frames at {sampling.fps} per second, "
        f"{count} segment{'s' if count > 1 else ''}"
    )
    for index, segment in enumerate(estimate.segments[:2]):
        click.echo(f"\nsegment {index + 1}, {segment.new_frames} new frames")
        _print_stages(segment, added)
        click.echo()
        _print_values(segment)
    click.echo()
    _print_totals(estimate)
    for note in estimate.notes:
        click.echo(f"note: {note}")


def _print_fit(fit: Fit) -> None:
    """What is needed, whether it fits, and what would, in one line; then what else was tried."""
    needs = f"needs {_size(fit.peak_bytes)} at the peak"
    if fit.memory_bytes is None:
        click.echo(needs)
        return
    there, spare = _whole(fit.memory_bytes), fit.memory_bytes - fit.peak_bytes
    if fit.fits:
        tight = f"; {_size(spare) if spare else 'nothing'} is left for the allocator"
        click.echo(f"{needs}: fits in {there}{tight if spare < _LEFT_TO_OTHERS else ''}")
        return
    best = fit.best
    if best is not None and best.fits:
        click.echo(f"{needs}: does not fit in {there}; {_with(best)}")
    else:
        least = "" if best is None else f"; {_with(best)}"
        click.echo(f"{needs}: does not fit in {there}, nor does any other choice{least}")
    for each in fit.alternatives:
        if each is not best:  # which the first line says
            click.echo(f"  {_with(each)}")
    if (best is None or not best.fits) and fit.largest_weights > fit.memory_bytes:
        click.echo(f"  the weights of one stage alone are {_size(fit.largest_weights)}")


def _with(alternative: Alternative) -> str:
    verdict = "fits" if alternative.fits else "does not fit"
    peak = _size(alternative.peak_bytes)
    return f"with {' '.join(alternative.arguments)} it needs {peak}: {verdict}"


def _print_speed(estimate: RunEstimate, speed: Speed) -> None:
    segment = max(estimate.segments, key=lambda each: each.flops, default=None)
    if segment is not None and segment.flops:
        seconds = speed.seconds(segment.flops)
        click.echo(
            f"about {seconds:.3g} s a segment ({_flops(segment.flops)}), an estimate: "
            f"{speed.assumed}; loading, copies and files are not counted"
        )


def _whole(num_bytes: int) -> str:
    """``24 GiB``, without decimals that say nothing."""
    amount, _, unit = _size(num_bytes).partition(" ")
    return f"{float(amount):g} {unit}"


def _print_stages(segment: SegmentEstimate, added: Mapping[str, str]) -> None:
    header = ("stage", "steps", "passes per step", "compute", "weights", "activations", "peak")
    print_table(header, [_stage_row(stage, added) for stage in segment.stages])


def _stage_row(stage: StageEstimate, added: Mapping[str, str]) -> tuple[str, ...]:
    passes = ", ".join(each.name for each in stage.passes)
    whose = f" ({added[stage.name]})" if stage.name in added else ""
    return (
        f"{stage.name}{whose}",
        str(stage.steps) if stage.passes else "-",
        f"{len(stage.passes)}: {passes}" if passes else stage.note or "-",
        _flops(stage.flops),
        _size(stage.weight_bytes),
        _size(stage.activation_bytes),
        _size(stage.peak_bytes),
    )


def _print_values(segment: SegmentEstimate) -> None:
    rows = [
        (
            stage.name,
            value.name,
            "x".join(map(str, value.shape)),
            value.dtype,
            _size(value.num_bytes),
        )
        for stage in segment.stages
        for value in stage.values
    ]
    print_table(("stage", "makes", "shape", "dtype", "size"), rows)


def _print_totals(estimate: RunEstimate) -> None:
    segments = estimate.segments
    rows = [_total_row("segment 1", segments[:1])]
    if len(segments) > 1:
        label = "segment 2" if len(segments) == 2 else f"segments 2 to {len(segments)}"
        rows.append(_total_row(label, segments[1:]))
        rows.append(_total_row("take", segments))
    print_table(("total", "new frames", "compute", "peak"), rows)


def _total_row(label: str, segments: Sequence[SegmentEstimate]) -> tuple[str, ...]:
    return (
        label,
        str(sum(segment.new_frames for segment in segments)),
        _flops(sum(segment.flops for segment in segments)),
        _size(max(segment.peak_bytes for segment in segments)),
    )


_SIZES: Mapping[str, int] = {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10}
_COUNTS: Mapping[str, int] = {
    "EFLOP": 10**18,
    "PFLOP": 10**15,
    "TFLOP": 10**12,
    "GFLOP": 10**9,
    "MFLOP": 10**6,
}


def _size(num_bytes: int) -> str:
    return _in_units(num_bytes, _SIZES, "B")


def _flops(count: int) -> str:
    return _in_units(count, _COUNTS, "FLOP")


def _in_units(amount: int, units: Mapping[str, int], smallest: str) -> str:
    """``amount`` in the largest unit of which there is at least one; nothing is a dash."""
    if not amount:
        return "-"
    for unit, worth in units.items():
        if amount >= worth:
            return f"{amount / worth:.2f} {unit}"
    return f"{amount} {smallest}"
