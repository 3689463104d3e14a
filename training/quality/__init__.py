"""How well the tiny LTX-2 shows what it was told, measured: ``python -m training.quality DIR``."""
