"""One pipeline on several processes, as ``torchrun`` starts them (sequence parallelism).

Rank 0 runs the pipeline as always. Every other rank has the transformer alone and serves: each
forward pass is shared, each rank computes its share of the video tokens. Text encoding, decoding
and files are rank 0's alone, because no other rank ever leaves `load`.
"""

from __future__ import annotations

from longtake_ltx2.parallel.errors import CollectiveError, RankError
from longtake_ltx2.parallel.leading import Leader, denoising
from longtake_ltx2.parallel.loading import device_of_rank, on_ranks

__all__ = ["CollectiveError", "Leader", "RankError", "denoising", "device_of_rank", "on_ranks"]
