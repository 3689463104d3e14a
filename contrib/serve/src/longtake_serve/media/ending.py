"""The end of a take's stream: the sound that its last segment held back, and what was pending.

Any segment may become the last one, by the end of its take or because a fork or a rewind leaves
what came behind it. So each is kept with its end, and no worker is needed when a take is finished.
"""

from __future__ import annotations

from fractions import Fraction

from attrs import field, frozen

import longtake as lt

__all__ = ["StreamEnd", "end_after"]


@frozen(kw_only=True)
class StreamEnd:
    """The last fragment of a take that is over.

    ``seconds``: how long its sound is, which begins before the last picture is over.
    """

    seconds: Fraction
    fragment: bytes = field(repr=False)


def end_after(state: lt.StreamState, result: lt.GenerationResult | None) -> StreamEnd | None:
    """What comes behind the segment that the stream has ``state`` after; None for nothing.

    ``result``: of `longtake.Pipeline.finish`; None where nothing is held back. Raises
    `longtake.ValidationError` when it does not follow the segment.
    """
    if result is not None and result.first_sample not in (None, state.end_sample):
        problem = f"is {result.first_sample} of the take; the stream goes on at {state.end_sample}"
        raise lt.ValidationError("first_sample", problem)
    end = lt.stream_end(state, None if result is None else result.audio)
    if end is None:
        return None
    begin = state.end_sample if state.tail is None else state.tail.next_packet
    seconds = Fraction(end.state.end_sample - begin, state.sample_rate)
    return StreamEnd(seconds=seconds, fragment=end.fragment)
