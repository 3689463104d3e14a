"""``longtake sessions``: takes that last, in a store that many processes share."""
