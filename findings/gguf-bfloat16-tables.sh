#!/usr/bin/env bash
# Question: a transformer is a .gguf file whose tensors are all bfloat16, as files that are merely
#   converted are. What does diffusers load of it?
# A good guess: bfloat16 is no quantisation, it is a type of torch's. So every tensor comes in its
#   shape, as bfloat16 or as what is computed in; or a file that cannot be read so is refused.
# What happens: everything is loaded without a word, but only the weights of linear layers are floats
#   when they are used. Tables, biases and the weights of norms stay the file's bytes: uint8, with a
#   last dimension twice as long. The first forward fails with a mismatch of shapes. The same tensors
#   as float16 are loaded in their shapes, as the type that is asked for.
# Versions: diffusers 0.42.1, gguf 0.19.0, torch 2.13.0 (CPU), accelerate 1.15.0.
# Consequence: make floats of every tensor that is not the weight of a linear layer before diffusers
#   gets it, or write such tensors as float32, as most converters do. Look at the types of a loaded
#   network's parameters, not at whether it loads.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile torch==2.13.0
"$work/venv/bin/pip" install --quiet --no-compile diffusers==0.42.1 gguf==0.19.0 accelerate==1.15.0 \
    transformers==5.23.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import gguf
import torch
from diffusers import GGUFQuantizationConfig, LTXVideoTransformer3DModel

print(", ".join(f"{name} {version(name)}" for name in ("diffusers", "gguf", "torch")))
torch.manual_seed(0)
made = LTXVideoTransformer3DModel(
    in_channels=8, out_channels=8, num_attention_heads=2, attention_head_dim=8,
    cross_attention_dim=16, num_layers=1, caption_channels=16,
)
made.save_config("config")
KINDS = gguf.GGMLQuantizationType


def written(kind: gguf.GGMLQuantizationType) -> str:
    writer = gguf.GGUFWriter(f"{kind.name}.gguf", "ltxv")
    for name, value in made.state_dict().items():
        if kind is KINDS.BF16:
            data = value.to(torch.bfloat16).view(torch.uint8).numpy()
            writer.add_tensor(name, data, raw_shape=data.shape, raw_dtype=kind)
        else:
            writer.add_tensor(name, value.half().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return f"{kind.name}.gguf"


def loaded(kind: gguf.GGMLQuantizationType) -> LTXVideoTransformer3DModel:
    compute = GGUFQuantizationConfig(compute_dtype=torch.float32)
    return LTXVideoTransformer3DModel.from_single_file(
        written(kind), config="config", quantization_config=compute, dtype=torch.float32,
        local_files_only=True,
    )


def forward(model: LTXVideoTransformer3DModel) -> torch.Tensor:
    with torch.no_grad():
        return model(
            hidden_states=torch.ones(1, 4, 8), encoder_hidden_states=torch.ones(1, 3, 16),
            timestep=torch.full((1,), 500.0), encoder_attention_mask=torch.ones(1, 3),
            num_frames=1, height=2, width=2, return_dict=False,
        )[0]


found = {}
for kind in (KINDS.F16, KINDS.BF16):
    model = loaded(kind)
    table, bias = model.scale_shift_table, model.proj_in.bias
    found[kind.name] = table.dtype, tuple(table.shape), bias.dtype, tuple(bias.shape)
    try:
        forward(model)
        outcome = "runs"
    except RuntimeError as error:
        outcome = f"fails: {error}"
    print(f"{kind.name}: table and bias {found[kind.name]}; {outcome}")
    found[kind.name] += (outcome.partition(":")[0],)

assert found["F16"][1:2] + found["F16"][3:] == ((2, 16), (16,), "runs"), found
assert found["BF16"] == (torch.uint8, (2, 32), torch.uint8, (32,), "fails"), found
PYTHON
