#!/usr/bin/env bash
# Question: several workers call random.seed(5), as programs that roll the dice for pictures do, and
#   then trace a run with the OpenTelemetry SDK. Are their runs different traces? And does tracing a
#   run leave the random numbers of the program as they would have been without traces?
# A good guess: yes, twice: the ids of traces come from the operating system, or from a generator of
#   the SDK's own, so that nobody's seed has to do with them.
# What happens: no, twice. The SDK's default RandomIdGenerator draws from the global generator of
#   Python's random module. Programs with one seed give their spans the same trace ids and span ids,
#   so a backend shows the runs of all workers as one trace; and each span takes numbers away, so
#   that a seeded program draws other ones as soon as somebody switches tracing on.
# Versions: opentelemetry-sdk 1.45.2.
# Consequence: whoever seeds the global generator gives TracerProvider an id_generator that draws
#   from secrets; and code whose results must not depend on observers draws from generators of its
#   own, as Longtake's families do.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet opentelemetry-sdk==1.45.2
cd "$work"
cat > worker.py <<'PYTHON'
import random
import sys

from opentelemetry.sdk.trace import TracerProvider

tracer = TracerProvider().get_tracer("worker")
random.seed(5)
if sys.argv[1] == "traced":
    with tracer.start_as_current_span("segment") as span:
        context = span.get_span_context()
    print(f"trace {context.trace_id:032x} span {context.span_id:016x}", end=" ")
print("drew", random.random())
PYTHON
one=$("$work/venv/bin/python" worker.py traced)
two=$("$work/venv/bin/python" worker.py traced)
bare=$("$work/venv/bin/python" worker.py untraced)
printf '%s\n' "$one" "$two" "$bare"
[ "$one" = "$two" ]
[ "${one#* drew }" != "${bare#drew }" ]
echo "two programs of one seed have one trace, and draw other numbers than without it"
