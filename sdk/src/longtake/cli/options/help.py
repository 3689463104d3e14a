"""Help by subject: which group an option is shown in, and examples of each command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import click

__all__ = ["EXAMPLES", "FAMILY_GROUP", "GROUPS", "group_of", "write_examples", "write_options"]

FAMILY_GROUP = "Families' own"
"""Of options that families bring, unless their fields name another group."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "What": (
        "published",
        "remake_from",
        "remake_to",
        "only",
        "mask",
        "white",
        "pad",
        "strength",
        "backward",
        "preset",
        "preset_overrides",
        "negative_prompt",
        "enhance_prompt",
        "image",
        "seed",
        "steps",
        "guidance_scale",
        "video",
        "audio",
        "first_frame",
        "last_frame",
        "images",
        "clips",
        "sound",
        "references",
        "voice",
        "assignments",
        "allow_empty_prompt",
    ),
    "Size and length": (
        "height",
        "width",
        "fps",
        "num_frames",
        "by",
        "keep",
        "segments",
        "takes",
        "until",
        "overlap_frames",
    ),
    "Session": ("sessions", "labels", "worker"),
    "Going on": (
        "resume",
        "state",
        "save_state",
        "state_kind",
        "discard_state",
        "finish",
        "blobs",
        "other_model",
    ),
    "Output": ("output", "preview", "overwrite", "file_mode", "as_json"),
    "Model": (
        "model",
        "list_published",
        "family",
        "device",
        "device_name",
        "device_memory",
        "device_tflops",
    ),
    "Precision": ("dtype",),
    FAMILY_GROUP: (),
    "Else": (),
}
"""The groups in their order, and the parameters of each in theirs."""

EXAMPLES: Mapping[str, Sequence[tuple[str, str]]] = {
    "generate": (
        ("A first try, of noise", 'longtake generate "a tram turns"'),
        (
            "Two segments of a real model",
            'longtake generate "a tram turns" "it rains" --model DIR -o tram.mp4',
        ),
        (
            "One that is to go on, and the next",
            'longtake generate "a tram turns" --model DIR --save-state tram.json -o 1.mp4\n'
            'longtake generate "it rains" --model DIR --state tram.json -o 2.mp4',
        ),
    ),
    "retake": (
        (
            "What is seen and heard from the second second on, for one and a half",
            'longtake retake clip.mp4 "the tram is red" --from 2 --to 3.5 --model DIR',
        ),
        ("The sound alone", 'longtake retake clip.mp4 "a choir" --to 2 --only audio --model DIR'),
        (
            "What a mask shows in white",
            'longtake retake clip.mp4 "the tram is red" --mask tram.png --model DIR',
        ),
        (
            "A wider picture",
            'longtake retake clip.mp4 "a wide street" --pad 0 256 0 256 --model DIR',
        ),
    ),
    "extend": (
        (
            "Two more segments, and a state to go on from",
            'longtake extend clip.mp4 "it rains" "it clears" --model DIR --save-state clip.json',
        ),
        (
            "What came before, in two seconds",
            'longtake extend clip.mp4 "a tram comes" --backward --by 2 --model DIR',
        ),
    ),
    "again": (
        (
            "The take once more; `longtake inspect` shows what it was made with",
            "longtake again take.mp4 --model DIR",
        ),
    ),
    "enhance": (
        (
            "What --enhance would make of it",
            'longtake enhance "a tram turns" --model DIR --seed 3',
        ),
    ),
    "finish": (
        (
            "The end of a take that was to go on",
            "longtake finish --state tram.json --model DIR -o tail.mp4",
        ),
    ),
    "sessions roll": (
        (
            "A session, which is made, and two more segments",
            'longtake sessions roll tram "a tram turns" --model DIR --sessions sqlite:takes.db\n'
            'longtake sessions roll tram "it rains" --segments 2 --model DIR '
            "--sessions sqlite:takes.db",
        ),
        (
            "Until it has ten, in any number of shells at once",
            'longtake sessions roll tram "it rains" --until 10 --model DIR '
            "--sessions sqlite:takes.db",
        ),
    ),
    "plan": (
        ("Of three segments on a GPU", "longtake plan --model DIR --segments 3 --device cuda"),
        ("For programs", "longtake plan --segments 2 --json"),
    ),
}
"""By command: what each example is about, and its lines."""


def group_of(name: str | None) -> str | None:
    """The group of the parameter ``name``, None for one that is in none."""
    return next((group for group, names in GROUPS.items() if name in names), None)


def write_options(
    ctx: click.Context,
    formatter: click.HelpFormatter,
    params: Iterable[click.Parameter],
    group_of_param: Mapping[str, str],
) -> None:
    """The options of a command, a section for each group that has some.

    ``group_of_param``: of options whose names no group knows, by name; `FAMILY_GROUP` without.
    """
    found: dict[str, list[tuple[int, tuple[str, str]]]] = {group: [] for group in GROUPS}
    for param in params:
        record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
        if record is None:
            continue
        name = param.name or ""
        is_help = "--help" in param.opts  # click has names of its own for it
        group = group_of(name) or group_of_param.get(name, "Else" if is_help else FAMILY_GROUP)
        names = GROUPS.get(group, ())
        place = names.index(name) if name in names else len(names)
        found.setdefault(group, []).append((place, record))
    for group, records in found.items():
        if records:
            with formatter.section(group):
                formatter.write_dl([record for _, record in sorted(records, key=_by_place)])


def _by_place(placed: tuple[int, tuple[str, str]]) -> int:
    return placed[0]


def write_examples(command: str, formatter: click.HelpFormatter) -> None:
    """The examples of a command, each line as it is typed: never wrapped."""
    examples = EXAMPLES.get(command, ())
    if not examples:
        return
    with formatter.section("Examples"):
        for index, (about, lines) in enumerate(examples):
            if index:
                formatter.write_paragraph()
            formatter.write_text(f"{about}:")
            for line in lines.splitlines():
                formatter.write(f"{'':>{formatter.current_indent + 2}}{line}\n")
