"""How long a segment may take, from its FLOPs and what a device can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from attrs import frozen

__all__ = ["DEVICES", "Speed", "speed_of"]

DEVICES: Mapping[str, float] = {
    "a100": 312,
    "b200": 2250,
    "h100": 989,
    "h200": 989,
    "l4": 121,
    "l40s": 362.05,
    "mi300x": 1307.4,
    "rtx-3090": 71,
    "rtx-4090": 165.2,
    "rtx-5090": 209.5,
}
"""Peak TFLOPS of dense bfloat16 products with fp32 sums.

From the makers' data sheets, for ``rtx-*`` from NVIDIA's architecture whitepapers. Where a sheet
gives only what 2:4 sparsity reaches, half of it. ``b200``, ``h100`` and ``h200`` are the SXM ones.
"""

_USED = 0.4
_UNKNOWN = 100.0


@frozen
class Speed:
    """TFLOPS that are assumed to be reached, and where that comes from in words."""

    tflops: float
    assumed: str

    def seconds(self, flops: int) -> float:
        return flops / (self.tflops * 10**12)

    def record(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"achieved_tflops": self.tflops, "assumed": self.assumed}


def speed_of(device_name: str | None, device_tflops: float | None) -> Speed:
    """The speed of a device that is named, or whose peak is given; else 100 TFLOPS reached.

    Raises `click.UsageError` when both are given.
    """
    if device_name is not None and device_tflops is not None:
        raise click.UsageError("--device-name and --device-tflops say the same: give one of them")
    if device_name is not None:
        peak, whose = DEVICES[device_name], device_name
    elif device_tflops is not None:
        peak, whose = device_tflops, "the device"
    else:
        return Speed(
            _UNKNOWN, f"{_UNKNOWN:g} TFLOPS are reached; --device-name or --device-tflops says more"
        )
    return Speed(
        peak * _USED, f"{_USED:.0%} of the {peak:g} dense bf16 TFLOPS of {whose} are reached"
    )
