"""FLOPs and weights of one attention of LTX-2's transformer (diffusers ``LTX2Attention``).

A linear layer of n tokens from width a to width b is 2 n a b FLOPs; attention of n queries on m
keys over width d is 4 n m d.
"""

from __future__ import annotations

from attrs import frozen

__all__ = ["Attention"]


@frozen
class Attention:
    """Queries of width ``query`` on keys of width ``key``, with ``heads`` in width ``inner``."""

    query: int
    key: int
    inner: int
    heads: int
    gated: bool
    bias: bool
    out_bias: bool

    def flops(self, queries: int, keys: int) -> int:
        projected = queries * self.query * self.inner + 2 * keys * self.key * self.inner
        return 2 * projected + 4 * queries * keys * self.inner + self._output(queries)

    def perturbed_flops(self, tokens: int) -> int:
        """The values alone, without queries, keys and scores."""
        return 2 * tokens * self.key * self.inner + self._output(tokens)

    @property
    def parameters(self) -> int:
        biases = 3 * self.inner * self.bias + self.query * self.out_bias
        norms = 2 * self.inner
        gate = (self.query + 1) * self.heads if self.gated else 0
        widths = self.query + 2 * self.key + self.query
        return widths * self.inner + biases + norms + gate

    def _output(self, queries: int) -> int:
        gate = self.query * self.heads if self.gated else 0
        return 2 * queries * (self.inner * self.query + gate)
