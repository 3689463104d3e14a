"""One pipeline on several processes, as ``torchrun`` starts them (sequence parallelism).

Rank 0 runs the pipeline as always. Every other rank has the transformer alone and serves: each
forward pass is shared, each rank computes its share of the video tokens. Text encoding, decoding
and files are rank 0's alone, because no other rank ever leaves `longtake.load`.
"""
