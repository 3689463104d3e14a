#!/usr/bin/env bash
# Question: the scheduler with which LTX-2 is published is asked for 1 step instead of 2 or 4. Which
#   noise levels does it walk?
# A good guess: from 1 to 0 at once, as for every other number of steps: they all begin at 1 and end
#   at 0.
# What happens: the first level is not a number, and the step raises an IndexError about a dimension
#   of size 0. `shift_terminal` stretches the levels so that the last one before 0 is 0.1; of one step
#   the last is the first, 1, and 1 - 1 is divided by. numpy alone warns. By then the text has been
#   encoded and the transformer has run, in a pipeline that asks for its levels like this.
# Versions: diffusers 0.42.1, torch 2.13.0 (CPU), numpy 2.4.6.
# Consequence: a quick try with one step fails late, with words about neither steps nor levels; whoever
#   lets people choose the steps refuses 1, or gives the levels after the stretch.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile diffusers==0.42.1 torch==2.13.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import math
import warnings

import diffusers
import numpy as np
import torch

print(f"diffusers {diffusers.__version__}, torch {torch.__version__}, numpy {np.__version__}")
published = {  # scheduler_config.json of Lightricks/LTX-2
    "base_image_seq_len": 1024,
    "base_shift": 0.95,
    "max_image_seq_len": 4096,
    "max_shift": 2.05,
    "num_train_timesteps": 1000,
    "shift": 1.0,
    "shift_terminal": 0.1,
    "time_shift_type": "exponential",
    "use_dynamic_shifting": True,
}
found = {}
for steps in (1, 2, 4):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(**published)
    levels = np.linspace(1.0, 1 / steps, steps)  # as the pipelines of LTX-2 ask for them
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        scheduler.set_timesteps(sigmas=levels, mu=1.5)
    latents, failed = torch.ones(1, 4), ""
    try:
        for timestep in scheduler.timesteps:
            latents = scheduler.step(torch.zeros(1, 4), timestep, latents).prev_sample
    except IndexError as error:
        failed = f"IndexError: {error}"
    found[steps] = scheduler.sigmas.tolist()
    said = [str(each.message) for each in warned]
    print(f"{steps}: levels {found[steps]}, warned {said}, failed {failed!r}")
    if steps == 1:
        assert failed
    else:
        assert not failed and found[steps][0] == 1 and found[steps][-1] == 0
assert math.isnan(found[1][0]), found
print("one step is no number")
PYTHON
