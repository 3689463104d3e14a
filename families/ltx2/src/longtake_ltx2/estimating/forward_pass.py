"""What one forward pass of LTX-2's transformer is given, as far as its cost depends on it."""

from __future__ import annotations

from attrs import frozen

__all__ = ["ForwardPass", "StreamSize"]


@frozen
class StreamSize:
    """One stream in a forward pass.

    ``tokens``; and for how many timesteps its modulations are computed, 1 or one for each token:
    ``own`` of its blocks and output, ``cross`` and ``gate`` of the attention to the other stream.
    """

    tokens: int
    own: int = 1
    cross: int = 1
    gate: int = 1


@frozen
class ForwardPass:
    """What one forward pass is given and leaves out.

    - ``text_tokens``: of the prompt.
    - ``negated``: the attention to the text has a negative prompt's beside it.
    - ``isolated``: picture and sound do not attend to each other.
    - ``first_block``: the blocks before it are not run.
    - ``perturbed_blocks``: whose self-attention is replaced by its values, in the streams that
      ``perturbs_video`` and ``perturbs_audio`` say.
    """

    video: StreamSize
    audio: StreamSize
    text_tokens: int
    isolated: bool = False
    negated: bool = False
    first_block: int = 0
    perturbed_blocks: frozenset[int] = frozenset()
    perturbs_video: bool = True
    perturbs_audio: bool = True
