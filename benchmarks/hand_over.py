"""How long it takes to hand a state over, beside the reference's own steps, in one run.

``python benchmarks/hand_over.py``; ``--pairs N`` for more or fewer than 5. The state is that of a
take of 1024x1536 that repeats 9 frames: smooth areas, moving detail and a sensor's noise. The
reference's steps are one PNG file for each frame (Pillow's default level, one thread), base64 and
JSON, and the same back. The VAE's work is left out on both sides: what encodes the frames for an
``ltx2.v2`` state does so once, instead of the segment that goes on from it.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import evolve
from PIL import Image
from safetensors.torch import load, save

import longtake as lt
from longtake_ltx2.continuation import (
    EncodedPrefix,
    LTX2ContinuationCodec,
    LTX2ContinuationState,
    LTX2LatentsCodec,
)

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Part, Sides, Told, gain, lone, paired

PART = Part("hand-over", "Handing a state over", "the reference's own steps")

HEIGHT, WIDTH, FRAMES = 1024, 1536, 9
NOISE = 2.0
"""Standard deviation of the sensor's noise, in levels of 256."""


def frames() -> list[Any]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    made = []
    for index in range(FRAMES):
        red = 120 + 60 * np.sin(x / 300 + index / 9)
        light = np.stack([red, 110 + 50 * np.cos(y / 200), 100 + 40 * np.sin((x + y) / 400)], -1)
        near = np.exp(-((x - 700 - 8 * index) ** 2 + (y - 500) ** 2) / 90_000)
        detail = 30 * np.sin((x + 4 * index) / 7) * np.sin(y / 9) * near
        noise = rng.normal(0, NOISE, (HEIGHT, WIDTH, 3))
        made.append(np.clip(light + detail[..., None] + noise, 0, 255).round().astype(np.uint8))
    return made


def state() -> LTX2ContinuationState:
    return LTX2ContinuationState(
        video_frames=frames(),
        audio_latents=torch.randn(1, 8, 34, 16, generator=torch.Generator().manual_seed(0)),
        audio_sample_rate=24_000,
        audio_conditioning_num_frames=9,
        audio_conditioning_strength=0.0,
    )


def prefix() -> EncodedPrefix:
    """As a two-stage recipe's passes encode nine frames in bfloat16."""
    generator, shape = torch.Generator().manual_seed(0), (1, 128, 2, HEIGHT // 32, WIDTH // 32)
    full = torch.randn(shape, generator=generator).to(torch.bfloat16)
    return EncodedPrefix((full[..., ::2, ::2].contiguous(), full), "sha256:" + 64 * "0")


def reference_written(value: LTX2ContinuationState) -> str:
    pngs = []
    for frame in value.video_frames or ():
        file = io.BytesIO()
        Image.fromarray(frame).save(file, "PNG")
        pngs.append(base64.b64encode(file.getvalue()).decode("ascii"))
    assert value.audio_latents is not None
    sound = base64.b64encode(save({"t": value.audio_latents})).decode("ascii")
    payload = {"video": {"frames_b64": pngs}, "audio": {"safetensors_b64": sound}}
    return json.dumps({"kind": "ltx2.v1", "payload": payload})


def reference_read(text: str) -> object:
    payload = json.loads(text)["payload"]
    sound = load(base64.b64decode(payload["audio"]["safetensors_b64"]))
    files = [io.BytesIO(base64.b64decode(png)) for png in payload["video"]["frames_b64"]]
    return [np.array(Image.open(file).convert("RGB")) for file in files], sound


def figures(pairs: int) -> Iterator[Told]:
    """Of each kind of state: its size, writing it and reading it."""
    value = state()
    theirs = reference_written(value)
    yield f"A state of {FRAMES} frames of {HEIGHT}x{WIDTH}."
    latents = evolve(value, video_frames=None, video_latents=prefix())
    codecs: tuple[tuple[Any, LTX2ContinuationState], ...] = (
        (LTX2ContinuationCodec(), value),
        (LTX2LatentsCodec(), latents),
    )
    for codec, given in codecs:
        kind, text = codec.kind, codec.encode(given).to_json()
        sides = Sides(len(text) / 1e6, len(theirs) / 1e6, "MB")
        compared = "document's size / the reference's"
        yield lone(f"{kind} document", compared, sides.ours / sides.other, "times", sides=sides)

        def write(codec: Any = codec, given: LTX2ContinuationState = given) -> str:
            return str(codec.encode(given).to_json())

        def read(codec: Any = codec, text: str = text) -> object:
            return codec.decode(lt.ContinuationState.from_json(text))

        written = paired(write, lambda: reference_written(value), pairs=pairs)
        yield gain(f"{kind} write", "the reference's PNG files and JSON / ours", written)
        taken = paired(read, lambda: reference_read(theirs), pairs=pairs)
        yield gain(f"{kind} read", "the reference's JSON and PNG files / ours", taken)


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    asked = parser.parse_args()
    PART.tell(figures(asked.pairs), asked.json)


if __name__ == "__main__":
    main()
