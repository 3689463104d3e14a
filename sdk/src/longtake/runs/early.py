"""What can be refused of a request before a checkpoint is even looked at."""

from __future__ import annotations

from typing import Any

from attrs import fields_dict

from longtake.families.family import ModelFamily
from longtake.requests.request import GenerationRequest, ResolvedSampling
from longtake.runs.resolution import present, resolve_sampling
from longtake.schema.references import resolve

__all__ = ["check_early"]


def check_early(
    family: ModelFamily,
    request: GenerationRequest,
    *,
    preset: str | None = None,
    continued: bool = False,
) -> None:
    """Refuse sizes and lengths that no model of ``family`` makes. Imports nothing heavy.

    The sizes of a take that is ``continued`` are its own, and are left to `Pipeline.check`; so is
    a request that leaves out what only the checkpoint's preset says. Raises
    `ValidationError`.
    """
    check: Any = resolve(family.check_sampling)
    if check is None or continued or request.state is not None:
        return
    chosen = family.preset(preset)
    known = {**family.defaults, **chosen.defaults, **present(request.sampling)}
    if preset is not None or all(name in known for name in fields_dict(ResolvedSampling)):
        check(resolve_sampling(request, family=family, preset=chosen))
