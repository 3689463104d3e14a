"""How a take is rolled segment by segment, in one process or by many."""
