"""The wire form ``ltx2.v2``: as ``ltx2.v1``, with the frames as the next segment encodes them."""
