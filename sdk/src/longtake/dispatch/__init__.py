"""Who rolls which segment next, and on which worker: orders, a fair queue, dispatchers."""
