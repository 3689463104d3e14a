"""Frame rates are ratios: 24000/1001 has no exact decimal."""

from __future__ import annotations

import math
import re
from fractions import Fraction

__all__ = ["as_ratio"]

# Bounded digits and no exponent: Fraction("1e999999999") would never come back.
_RATIO = re.compile(r"\d{1,9}/\d{1,9}|\d{1,9}(\.\d{1,9})?", re.ASCII)


def as_ratio(value: object) -> Fraction:
    """A ratio from an int, a finite float (its decimal digits count) or ``"24000/1001"``.

    Raises `ValueError` for anything else.
    """
    if isinstance(value, Fraction):
        return value
    if isinstance(value, str) and _RATIO.fullmatch(value):
        try:
            return Fraction(value)
        except ZeroDivisionError:
            raise ValueError("has a zero denominator") from None
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(value)
    if isinstance(value, float) and math.isfinite(value):
        return Fraction(str(value))
    raise ValueError("is no number and no ratio such as '24000/1001'")
