"""The negative prompt of Lightricks' guided pipelines: tags of captions before diffusers' text.

Imported when a preset uses it, as the text is diffusers' own.
"""

from __future__ import annotations

from diffusers.pipelines.ltx2.utils import DEFAULT_NEGATIVE_PROMPT

__all__ = ["OFFICIAL_NEGATIVE_PROMPT"]

_TAGS = (
    "has_subtitles",
    "has_blurbox",
    "transition from black",
    "transition to black",
    "speech_ending_short",
)

OFFICIAL_NEGATIVE_PROMPT = ", ".join((*_TAGS, DEFAULT_NEGATIVE_PROMPT))
"""As ltx-pipelines 1.2.0 has it."""
