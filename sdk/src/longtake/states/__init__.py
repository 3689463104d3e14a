"""The state of a take: what travels from one segment to the next."""
