#!/usr/bin/env bash
# Question: LTX-2's distilled noise levels (1, .99375, ..., .725, .421875) are given to the scheduler
#   that LTX-2 is published with, by name: set_timesteps(sigmas=...), as the pipelines' `sigmas`
#   argument does. At which levels does it denoise?
# A good guess: at those. Shifting and stretching are for schedules that the scheduler makes itself;
#   who says the levels has said them.
# What happens: they are shifted by mu like any others, then stretched so that the last one is
#   shift_terminal: .421875 becomes .1, .725 becomes .7206, .909375 becomes .924. Nothing is said.
#   They stay as they are where use_dynamic_shifting is off and shift_terminal is None.
# Versions: diffusers 0.42.1, torch 2.13.0 (CPU).
# Consequence: a distilled checkpoint with the published scheduler and the right table gives worse
#   pictures than it can, at noise levels that it never saw. Print scheduler.sigmas, or make the
#   scheduler anew with both options off before giving it levels.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile diffusers==0.42.1 torch==2.13.0
cd "$work"
"$work/venv/bin/python" -W ignore - 2>/dev/null <<'PYTHON'
from importlib.metadata import version

from diffusers import FlowMatchEulerDiscreteScheduler

print(", ".join(f"{name} {version(name)}" for name in ("diffusers", "torch")))
GIVEN = [1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875]
PUBLISHED = {
    "use_dynamic_shifting": True,
    "base_shift": 0.95,
    "max_shift": 2.05,
    "base_image_seq_len": 1024,
    "max_image_seq_len": 4096,
    "shift_terminal": 0.1,
}


def walked(options: dict) -> list[float]:
    scheduler = FlowMatchEulerDiscreteScheduler(**options)
    scheduler.set_timesteps(sigmas=GIVEN, mu=2.05)
    return [round(float(each), 4) for each in scheduler.sigmas[:-1]]


published = walked(PUBLISHED)
plain = walked({**PUBLISHED, "use_dynamic_shifting": False, "shift_terminal": None})
print("given:            ", [round(each, 4) for each in GIVEN])
print("published options:", published)
print("both off:         ", plain)
assert published == [1.0, 0.9951, 0.9902, 0.9853, 0.9803, 0.924, 0.7206, 0.1], published
assert all(abs(one - given) < 1e-4 for one, given in zip(plain, GIVEN)), plain
PYTHON
