"""The packages that a plugin should import only when it is used."""

from __future__ import annotations

import sys

__all__ = ["heavy_modules"]

_HEAVY = (
    "PIL",
    "accelerate",
    "av",
    "boto3",
    "botocore",
    "cv2",
    "diffusers",
    "huggingface_hub",
    "jax",
    "librosa",
    "matplotlib",
    "numpy",
    "onnxruntime",
    "pandas",
    "peft",
    "safetensors",
    "scipy",
    "sentencepiece",
    "skimage",
    "sklearn",
    "soundfile",
    "tensorflow",
    "tokenizers",
    "torch",
    "torchaudio",
    "torchvision",
    "transformers",
    "triton",
)
"""Each takes a tenth of a second or more, which every listing would take longer."""


def heavy_modules() -> tuple[str, ...]:
    """Which heavy packages this process has imported, e.g. ``("numpy",)``; by declaring, none."""
    return tuple(name for name in _HEAVY if name in sys.modules)
