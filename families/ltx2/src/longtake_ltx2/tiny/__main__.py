"""``python -m longtake_ltx2.tiny DIR [--generation 2.0|2.3|2.5] [--seed N]``."""

from longtake_ltx2.tiny.checkpoint import main

if __name__ == "__main__":
    main()
