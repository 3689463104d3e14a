#!/usr/bin/env bash
# Question: a server asks something that may be slow (whose a token is, say) by
#   anyio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=CapacityLimiter(2)), and gives each
#   call 0.05 s. Ten calls, one after the other, meet an `ask` that takes 2 s. How many threads are
#   in `ask` at once?
# A good guess: two. The limiter has two tokens, each thread needs one, so the third call waits for
#   a token and is given up without having begun a thread.
# What happens: ten. A token belongs to the task that waits, not to the thread: when the task is
#   cancelled it gives the token back, while its thread goes on. A limiter bounds the calls that are
#   waited for, and threads grow with every call that is given up.
# Versions: anyio 4.16.0, Python 3.11.
# Consequence: whoever gives calls up bounds them by something that the thread's end releases: a
#   semaphore that is released in a `finally` around run_sync, in a task which is shielded from the
#   cancellation. Longtake's server asks authenticators so, at most 16 at once.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet anyio==4.16.0
cat > "$work/ask.py" <<'PYTHON'
import threading
import time

import anyio

lock, now, most = threading.Lock(), 0, 0


def ask():
    global now, most
    with lock:
        now += 1
        most = max(most, now)
    time.sleep(2)
    with lock:
        now -= 1


async def main():
    limiter = anyio.CapacityLimiter(2)
    for _ in range(10):
        with anyio.move_on_after(0.05):
            await anyio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=limiter)
    print(f"a limiter of {limiter.total_tokens:g}, {limiter.borrowed_tokens:g} taken: {most} at once")


anyio.run(main)
PYTHON
said=$("$work/venv/bin/python" "$work/ask.py")
echo "$said"
[ "$said" = "a limiter of 2, 0 taken: 10 at once" ]
