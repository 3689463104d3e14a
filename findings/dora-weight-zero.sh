#!/usr/bin/env bash
# Question: one DoRA (down, up, magnitudes) is put on a layer by PEFT and by LyCORIS, at weights 1,
#   0.5 and 0. Do the two agree? Does weight 0 give the layer without it?
# A good guess: they agree, weight 0 switches it off and 0.5 is half-way, as with a LoRA.
# What happens: they agree at 1 only, and neither is off at 0. With the base W, the change D and the
#   magnitudes m, |.| the norm of each row:
#     PEFT     m (W + w D) / |W + w D|               at 0: m W / |W|, the magnitudes without D
#     LyCORIS  (W + D) (1 + w (m / |W + D| - 1))     at 0: W + D, all of D without the magnitudes
#   So each keeps exactly what the other one drops, and neither is half-way at 0.5.
# Versions: peft 0.21.2, lycoris-lora 4.1.3, torch 2.13.0.
# Consequence: a weight tuned in one tool means something else in the next, and an adapter "faded
#   out" by its weight still changes every layer. Take a DoRA at 1 or remove it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile torch==2.13.0 peft==0.21.2 lycoris-lora==4.1.3 \
    accelerate==1.15.0 transformers==5.23.0 numpy==2.4.6
OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'PYTHON'
import copy
import logging
from importlib.metadata import version

import peft
import torch
from lycoris import create_lycoris_from_weights
from torch import nn

logging.disable()
print(", ".join(f"{name} {version(name)}" for name in ("torch", "peft", "lycoris-lora")))
torch.manual_seed(0)
torch.set_grad_enabled(False)
network = nn.Sequential()
network.add_module("layer", nn.Linear(16, 8, bias=False))
base = network.layer.weight.clone()
down, up = 0.3 * torch.randn(4, 16), 0.3 * torch.randn(8, 4)
merged = base + up @ down


def norm(weight: torch.Tensor) -> torch.Tensor:
    return weight.norm(dim=1, keepdim=True)


magnitude = norm(merged) * torch.linspace(0.5, 1.5, 8)[:, None]
identity = torch.eye(16)

with_peft = peft.get_peft_model(
    copy.deepcopy(network),
    peft.LoraConfig(r=4, lora_alpha=4, target_modules=["layer"], use_dora=True),
).eval()
layer = with_peft.base_model.model.layer
layer.lora_A["default"].weight.copy_(down)
layer.lora_B["default"].weight.copy_(up)
layer.lora_magnitude_vector["default"].weight.copy_(magnitude[:, 0])


def by_peft(weight: float) -> torch.Tensor:
    """The weights that the layer acts by."""
    layer.set_scale("default", weight)
    return with_peft(identity).T


def by_lycoris(weight: float) -> torch.Tensor:
    own = copy.deepcopy(network)
    file = {
        "lycoris_layer.lora_down.weight": down,
        "lycoris_layer.lora_up.weight": up,
        "lycoris_layer.alpha": torch.tensor(4.0),
        "lycoris_layer.dora_scale": magnitude,
    }
    adapter, _ = create_lycoris_from_weights(weight, None, own, weights_sd=file)
    adapter.apply_to()
    adapter.eval()
    return own(identity).T


def off(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max())


full = by_peft(1.0)
for weight in (1.0, 0.5, 0.0):
    peft_has, lycoris_has = by_peft(weight), by_lycoris(weight)
    halfway = base + weight * (full - base)
    print(
        f"weight {weight}: PEFT to LyCORIS {off(peft_has, lycoris_has):.4f},"
        f" to the interpolation: PEFT {off(peft_has, halfway):.4f},"
        f" LyCORIS {off(lycoris_has, halfway):.4f}"
    )
    part = base + weight * (up @ down)
    assert off(peft_has, magnitude * part / norm(part)) < 1e-5
    assert off(lycoris_has, merged * (1 + weight * (magnitude / norm(merged) - 1))) < 1e-5
    apart = [off(peft_has, lycoris_has), off(peft_has, halfway), off(lycoris_has, halfway)]
    assert max(apart) < 1e-5 if weight == 1 else min(apart) > 0.1, apart

print(f"at 0: PEFT to m W/|W| {off(by_peft(0.0), magnitude * base / norm(base)):.1e},")
print(f"      LyCORIS to W + D {off(by_lycoris(0.0), merged):.1e}")
assert off(by_lycoris(0.0), merged) < 1e-5
PYTHON
