#!/usr/bin/env bash
# Question: a program calls ray.init(), has a worker do something that writes a line to its standard
#   output, and calls ray.shutdown(). Is `print` in the program what it was before?
# A good guess: yes. The line is shown by a thread of Ray; nothing of the program asked for another
#   `print`, and shutdown undoes what init did.
# What happens: no. The thread that shows what workers write replaces builtins.print, for the whole
#   process and for good, by a function called safe_print: it is no builtin any more, has another
#   name, and does not compare equal to what others kept from before. With log_to_driver=False it
#   stays. So a test that looks at `print` depends on whether a test before it has used Ray.
# Versions: ray 2.60.0, Python 3.11.
# Consequence: whoever keeps or compares functions by name does not use `print` for it; the variable
#   RAY_TQDM_PATCH_PRINT=0 leaves it alone. Longtake's workers say their progress by calls, and
#   print nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ray==2.60.0
cat > "$work/driver.py" <<'PYTHON'
import builtins
import inspect
import sys
import time

import ray

before = builtins.print
shows = sys.argv[1] == "shown"
ray.init(
    num_cpus=1, include_dashboard=False, object_store_memory=80_000_000, log_to_driver=shows
)


@ray.remote
def work():
    print("a line")


ray.get(work.remote())
time.sleep(3)  # until the line is shown, if it is
ray.shutdown()
told = f"{builtins.print is before} {builtins.print.__name__} {inspect.isbuiltin(builtins.print)}"
before(sys.argv[1], told)
PYTHON
for how in hidden shown; do
    "$work/venv/bin/python" "$work/driver.py" "$how" 2>/dev/null | tail -n 1
done | tee "$work/said"
[ "$(cat "$work/said")" = "hidden True print True
shown False safe_print False" ]
