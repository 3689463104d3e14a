"""What rewriting a prompt takes, from the configuration of the model that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import longtake as lt
from longtake_ltx2.conditioning.instructions import FOR_A_PROMPT
from longtake_ltx2.conditioning.prompt_writer import NOTHING_WRITES, most_tokens
from longtake_ltx2.generation import generation_of

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene
    from longtake_ltx2.stage_overrides import LTX2EnhanceOptions

__all__ = ["writing_estimate"]

_CHARACTERS_PER_TOKEN = 4
_SHORTEST_PROMPT = 32


def writing_estimate(scene: Scene, options: LTX2EnhanceOptions | None) -> lt.StageEstimate:
    """One pass for each token that may be written; the first reads what it was told, too.

    How many tokens it is told is guessed from the length of the texts. Raises
    `longtake.ValidationError` where nothing can write.
    """
    if options is None or not options.enhance_prompt:
        return lt.StageEstimate()
    networks = scene.networks
    name = "prompt_enhancer" if networks.layout.has("prompt_enhancer") else "text_encoder"
    if name == "text_encoder" and generation_of(networks.config("transformer")) == "2.5":
        raise lt.ValidationError("options.enhance_prompt", NOTHING_WRITES)
    gemma, size = networks.gemma(name), networks.precisions[name].size
    count = options.max_new_tokens
    if count is None:
        count = most_tokens(str(networks.config(name).get("model_type", "")))
    told = len(options.instructions or FOR_A_PROMPT) + len(scene.job.prompt)
    known = told // _CHARACTERS_PER_TOKEN + _SHORTEST_PROMPT
    return lt.StageEstimate(
        steps=count,
        passes=[lt.PassEstimate("token", -(-gemma.writing_flops(known, count) // count))],
        weights=networks.weights(name),
        activation_bytes=gemma.activation_bytes(known, size)
        + gemma.kept_bytes(known + count, size),
        note="as many tokens as may be written, on the average; an image is not counted",
    )
