#!/usr/bin/env bash
# Question: a 3-D convolution of 8 channels runs in fp32 on one CPU thread over a clip of 17 frames of
#   256x64, then over its upper half. Which one takes longer?
# A good guess: the whole, about twice as long.
# What happens: the half takes several times longer than the whole (seen: 3.7 times). torch gives
#   conv3d to oneDNN where the batch has 16 or more, a kernel of more than 3 rows or columns, more
#   than one thread, or batch x channels x frames x rows above 20480 (columns do not count); else it
#   goes on by itself, sample by sample (Slow3d). With many channels the two are closer.
# Versions: torch 2.13.0 (CPU), numpy 2.4.6.
# Consequence: video VAEs with few channels, previews and tests on one thread are slowest where they
#   are smallest, and a benchmark on small clips tells nothing of large ones. The same call by name,
#   torch.mkldnn_convolution, gives the same numbers and is as fast as it should be.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PYTHON'
import time

import torch

torch.set_num_threads(1)
torch.manual_seed(0)
network = torch.nn.Conv3d(8, 8, 3).requires_grad_(False)
whole = torch.randn(1, 8, 17, 256, 64)
half = whole[:, :, :, :128].contiguous()
options = ((1, 1, 1), (0, 0, 0), (1, 1, 1))


def by_name(clip: torch.Tensor) -> torch.Tensor:
    stride, padding, dilation = options
    return torch.mkldnn_convolution(
        clip, network.weight, network.bias, padding, stride, dilation, 1
    )


def backend(clip: torch.Tensor) -> str:
    found = torch._C._select_conv_backend(
        clip, network.weight, network.bias, *options, False, (0, 0, 0), 1
    )
    return str(found).rpartition(".")[2]


def seconds(work, clip: torch.Tensor) -> float:
    """Of CPU time, the least of five."""
    work(clip)
    taken = []
    for _ in range(5):
        start = time.process_time()
        work(clip)
        taken.append(time.process_time() - start)
    return min(taken)


print(f"torch {torch.__version__}")
times = {}
for name, clip in (("whole", whole), ("half", half)):
    times[name] = seconds(network, clip)
    product = clip.shape[0] * clip.shape[1] * clip.shape[2] * clip.shape[3]
    print(f"{name}: {product} by {backend(clip)}, {1000 * times[name]:.1f} ms")
print(f"half, by name: {1000 * seconds(by_name, half):.1f} ms")
assert (backend(whole), backend(half)) == ("Mkldnn", "Slow3d"), (backend(whole), backend(half))
assert torch.allclose(by_name(half), network(half), atol=1e-5)
assert times["half"] > 1.5 * times["whole"], times
print(f"half a clip takes {times['half'] / times['whole']:.1f} times the whole's time")
PYTHON
