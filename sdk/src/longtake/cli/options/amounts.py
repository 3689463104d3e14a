"""Amounts of memory on the command line, e.g. ``24GiB``."""

from __future__ import annotations

import re
from decimal import Decimal

import click

__all__ = ["memory_amount"]

_UNITS = {
    "": 1,
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("KMGT", 1)},
    **{f"{letter}IB": 1024**power for power, letter in enumerate("KMGT", 1)},
}
_AMOUNT = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([KMGT]?(?:I?B)?)", re.IGNORECASE)


def memory_amount(ctx: click.Context, param: click.Parameter, said: str | None) -> int | None:
    """An option's callback: the number of bytes that was said.

    ``24GiB`` and ``24576 MiB`` count in 1024s, ``25.7GB`` in 1000s. Raises `click.BadParameter`.
    """
    if said is None:
        return None
    matched = _AMOUNT.fullmatch(said.strip())
    if matched is None or (unit := _UNITS.get(matched[2].upper())) is None:
        raise click.BadParameter(f"{said[:200]!r} is no amount of memory such as 24GiB")
    found = int(Decimal(matched[1]) * unit)
    if not found:
        raise click.BadParameter("must be more than nothing")
    return found
