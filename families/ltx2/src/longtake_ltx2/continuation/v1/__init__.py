"""The wire form ``ltx2.v1``: how each part of a state is written and read."""
