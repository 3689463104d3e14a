#!/usr/bin/env bash
# Question: a click command enters a context manager with ctx.with_resource before its options are
#   parsed (in parse_args, or in a callback of an eager option), and then one of the options is
#   wrong. When is the context manager left?
# A good guess: before the error leaves main(), as with every other error of a command: click
#   closes a context at the end of its `with`.
# What happens: never by click. make_context() parses inside ctx.scope(cleanup=False), so the context
#   of a command whose options are wrong is not closed: the resource stays entered after main() has
#   returned, and is left when the garbage collector finds the context, whenever that is. An error in
#   the command's body closes it. With a redirected standard output as the resource, the program's
#   own output is still redirected afterwards, and is put back in the middle of something else.
# Versions: click 8.5.1.
# Consequence: a resource that is entered while options are parsed belongs to the outermost context
#   (ctx.find_root().with_resource), which the program's own `with` closes in every case.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet click==8.5.1
cd "$work"
cat > probe.py <<'PYTHON'
import contextlib
import gc
import sys

import click

gc.disable()  # the collector would leave the resource at some time of its own
told = []


@contextlib.contextmanager
def resource(name):
    told.append(f"{name} entered")
    try:
        yield
    finally:
        told.append(f"{name} left")


class Parsing(click.Command):
    def parse_args(self, ctx, args):
        ctx.with_resource(resource("own"))
        ctx.find_root().with_resource(resource("outermost"))
        return super().parse_args(ctx, args)


@click.group()
def main():
    pass


@main.command(cls=Parsing)
@click.option("--fail", is_flag=True)
def roll(fail):
    if fail:
        raise click.ClickException("in the body")


for arguments in (["roll", "--fail"], ["roll", "--wrong"]):
    told.clear()
    with contextlib.suppress(SystemExit):
        main(arguments, standalone_mode=True)
    print(arguments, told, flush=True)
    assert ("own left" in told) == (arguments[1] == "--fail")
    assert "outermost left" in told
PYTHON
"$work/venv/bin/python" probe.py
