"""Who computes the forward of the transformer that is loaded: what was asked for, if it fits."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from longtake_ltx2.forward.checking import TOLERANCES, difference
from longtake_ltx2.forward.exact import Exact
from longtake_ltx2.forward.names import ForwardName
from longtake_ltx2.forward.plain import Plain
from longtake_ltx2.forward.protocol import Forward

__all__ = ["FORWARDS", "ForwardChoice"]

logger = logging.getLogger(__name__)

FORWARDS: Mapping[ForwardName, type[Exact] | type[Plain]] = {"exact": Exact, "plain": Plain}
"""What makes each, of a transformer, for one denoising loop."""


@define
class ForwardChoice:
    """What was asked for; and what is used, which is ``plain`` where ``exact`` does not fit.

    A warning is logged then, with the reason.
    """

    asked: ForwardName = "exact"
    used: ForwardName = field(init=False)

    @used.default
    def _as_asked(self) -> ForwardName:
        return self.asked

    def settle(self, transformer: Any) -> None:
        """Look at the transformer that was just loaded: a forward of a few tokens by both."""
        if self.asked == "exact" and (why := _unfit(transformer) or _wrong(transformer)):
            self._fall_back(why)

    def begin(self, transformer: Any) -> Forward:
        """For one denoising loop."""
        if self.used == "exact" and (why := _unfit(transformer)):
            self._fall_back(why)
        return FORWARDS[self.used](transformer)

    def _fall_back(self, why: str) -> None:
        logger.warning("forward: 'plain' is used instead of 'exact': %s", why)
        self.used = "plain"


def _unfit(transformer: Any) -> str | None:
    """Why the blocks cannot be computed another way, if so."""
    blocks = transformer.transformer_blocks
    if any(block._compiled_call_impl is not None for block in blocks):
        return "the blocks are compiled as diffusers has them (compile)"
    if any("forward" in vars(block) for block in blocks):
        return "something else has replaced the forward of the blocks"
    return None


def _wrong(transformer: Any) -> str | None:
    """Why the results cannot be trusted, if so: the modules are not those this is written for."""
    try:
        error = difference(transformer)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        return f"it does not fit this version of diffusers ({type(e).__name__}: {e})"
    tolerance = TOLERANCES[transformer.dtype.itemsize]
    if error <= tolerance:
        return None
    return (
        f"its results differ by {error:.1e} of the largest with this version of diffusers, more "
        f"than rounding does ({tolerance:.0e})"
    )
