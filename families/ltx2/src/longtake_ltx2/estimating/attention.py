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

    def beside_flops(self, queries: int, keys: int) -> int:
        """Of other keys and values for the same queries, before the output."""
        return 4 * keys * self.key * self.inner + 4 * queries * keys * self.inner

    @property
    def parameters(self) -> int:
        norms = 2 * self.inner
        gate = (self.query + 1) * self.heads if self.gated else 0
        return self.projections + norms + gate

    @property
    def projections(self) -> int:
        """Of the parameters, those of queries, keys, values and output."""
        biases = 3 * self.inner * self.bias + self.query * self.out_bias
        return 2 * (self.query + self.key) * self.inner + biases

    def _output(self, queries: int) -> int:
        gate = self.query * self.heads if self.gated else 0
        return 2 * queries * (self.inner * self.query + gate)
