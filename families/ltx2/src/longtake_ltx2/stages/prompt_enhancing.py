"""Before the text is encoded: a model rewrites the prompt, where that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import longtake as lt
from longtake_ltx2.conditioning.prompt_writer import NOTHING_WRITES, PromptWriter
from longtake_ltx2.estimating.writing import writing_estimate
from longtake_ltx2.stage_overrides import LTX2EnhanceOptions

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2PromptEnhancingStage"]


class LTX2PromptEnhancingStage:
    """Rewrites the prompt in more words, and leaves it as it is unless a request asks for that.

    The negative prompt stays. The model sees the first image of a request beside the prompt.
    Progress counts tokens.

    ``prompt_enhancer``: what writes; None where there is nothing that can.
    """

    def __init__(self, prompt_enhancer: PromptWriter | None = None) -> None:
        self._writer = prompt_enhancer

    def check(self, job: lt.Job, options: LTX2EnhanceOptions) -> None:
        """Refuse to rewrite without a model that writes, or one that cannot see the images.

        Raises `longtake.ValidationError` and `longtake.CheckpointError`.
        """
        if not options.enhance_prompt:
            return
        if self._writer is None:
            raise lt.ValidationError("options.enhance_prompt", NOTHING_WRITES)
        self._writer.check(sees_a_picture=bool(job.inputs.images))

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """As many tokens as the model may write, where it is asked to."""
        return writing_estimate(scene, scene.stage_options.get(spec.name))

    def __call__(
        self, job: lt.Job, inputs: lt.DecodedInputs, options: LTX2EnhanceOptions, run: lt.Run
    ) -> lt.UsedPrompt:
        """The prompt that is encoded."""
        if not options.enhance_prompt or self._writer is None:
            return lt.UsedPrompt(job.prompt)
        count = options.max_new_tokens or self._writer.most_tokens
        ticks = run.steps(count)
        next(ticks)
        written = self._writer.write(
            job.prompt,
            seed=run.seed if options.seed is None else options.seed,
            count=count,
            ticks=ticks,
            picture=inputs.image(0) if job.inputs.images else None,
            instructions=options.instructions,
        )
        if not written.strip():
            raise lt.StageError(run.stage, "the model wrote nothing; try another seed")
        return lt.UsedPrompt(written)
