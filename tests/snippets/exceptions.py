"""What of the documents is run differently here, or not at all, and why. There is nothing else."""

from __future__ import annotations

__all__ = [
    "BEFORE",
    "ELSEWHERE",
    "NOT_HERE",
    "PRELUDES",
    "REFUSED",
    "SUBSTITUTIONS",
    "fewer_plugins",
]

SUBSTITUTIONS = {
    "--model DIR --first-frame": "--model {tiny} --height 64 --width 64 --num-frames 17"
    " --first-frame",  # the published size takes a GPU
    "--preset ltx2_audio_to_video --audio": "--preset ltx2_audio_to_video --height 64 --width 64"
    " --num-frames 17 --set denoise.num_inference_steps=2 --set denoise.stg_blocks=[1] --audio",
    "--preset ltx2_video_to_audio --clip": "--preset ltx2_video_to_audio --height 64 --width 96"
    " --num-frames 17 --set denoise.num_inference_steps=2 --set denoise.stg_blocks=[1] --clip",
    "--preset ltx2_reference --lora-path": "--preset ltx2_reference --height 64 --width 64"
    " --num-frames 17 --lora-path",
    "--preset ltx2_inpaint --lora-path": "--preset ltx2_inpaint --height 64 --width 128"
    " --lora-path",
    '("an empty street", inputs=inputs)': '("an empty street", inputs=inputs,'
    " sampling=lt.Sampling(height=64, width=128, num_frames=33, fps=8))",
    "--model DIR --preset ltx2_base": "--model {tiny}",  # its STG is in a block that tiny has not
    "--model DIR": "--model {tiny}",
    "--model tiny/": "--model {tiny}",
    '"path/to/LTX-2"': '"{tiny}"',
    '"path/to/LTX-2.3"': '"{tiny}"',
    '"path/to/LTX-2.3-distilled"': '"{tiny}"',
    "lt.Sampling(enhance_prompt=True)": "lt.Sampling(enhance_prompt=True, height=64, width=64,"
    " num_frames=17)",
    '("a harbour at dusk", inputs=inputs)': '("a harbour at dusk", inputs=inputs,'
    " sampling=lt.Sampling(height=64, width=64, num_frames=9))",
    '("a day in the harbour", inputs=inputs)': '("a day in the harbour", inputs=inputs,'
    " sampling=lt.Sampling(height=64, width=64, num_frames=65, num_inference_steps=2),"
    " stage_overrides=dict(denoise=dict(stg_blocks=[1])))",
    '("a woman speaks", inputs=inputs)': '("a woman speaks", inputs=inputs,'
    " sampling=lt.Sampling(height=64, width=64, num_frames=17, num_inference_steps=2),"
    " stage_overrides=dict(denoise=dict(stg_blocks=[1])))",
    '("she says it in French", inputs=inputs)': '("she says it in French", inputs=inputs,'
    " sampling=lt.Sampling(height=64, width=64, num_frames=17, fps=25))",
    "--height 704 --width 1280 --fps 25 --num-frames 121": "--height 64 --width 64 --fps 25"
    " --num-frames 17",
    '"a hummingbird turns",': '"a hummingbird turns", sampling=lt.Sampling(height=64, width=64,'
    " num_frames=33, num_inference_steps=2),",
    '"path/to/LTX-2.5"': '"{folder}/LTX-2.5"',
    '"path/to/checkpoint"': '"{tiny}"',
    '"path/to/spatial_upsampler"': '"{tiny}/spatial_upsampler"',
    "s3://bucket/takes -o": "file://{folder}/blobs -o",  # servers; tests/contrib starts some
    "redis://localhost:6379/0 -o": "file://{folder}/blobs -o",
    "redis://localhost:6379/0 --json": "file://{folder}/blobs --json",
}
"""In commands and snippets: what stands there -> what is run. The first that fits, of each kind."""

NOT_HERE = {
    "python3 -m pip install nox &&": "environments of their own, from an index; CI runs both",
    "python3 -m venv": "an environment; what is typed in it is run in the test's own",
    "python3 -m pip install": "packages from an index; `nox -s wheels` installs ours",
    "python3 -m pip wheel": "`nox -s wheels` does this",
    "pip install": "packages from an index; `nox -s wheels` installs ours",
    "export PATH=": "the test's `longtake` is on its path already",
    "longtake pool": "needs workers elsewhere; tests/contrib/ray has some",
    "ray start": "begins a part of a cluster that stays; tests/contrib/ray has one of its own",
    "longtake serve": "ends when it is told to; tests/contrib/serve/http starts it",
    "python -m training.": "trains for hours; tests/training trains every part for a few steps",
    "torchrun": "needs a launcher and four devices; tests/ltx2/test_parallel.py has two processes",
    "pytest": "tests/sdk/scaffolding and nox -s wheels run the tests of new packages",
    "python -m build": "makes an archive with a tool that is installed for nothing else",
}
"""Beginnings of commands that are not run, and why."""

ELSEWHERE = {
    ("docs/how-to/diagnose.md", "PLUGIN "): "an example of what doctor prints of a broken plugin",
    ("docs/how-to/test-a-plugin.md", "import pytest"): "tests/test_docs.py runs them with pytest",
    ("docs/tutorials/extend-ltx2.md", 'longtake generate "dusk"'): "tests/ltx2/test_extended.py",
    ("docs/tutorials/extend-ltx2.md", "longtake presets"): "tests/ltx2/test_extended.py does",
    ("docs/tutorials/write-a-family.md", "python - <<"): "tests/test_tutorial_steps.py does",
    ("docs/observing.md", "pipeline = lt.load"): "tests/sdk/plugins/test_observing.py does",
    ("docs/observing.md", "export LONGTAKE_OBSERVERS"): "tests/sdk/plugins/test_observing.py does",
    ("docs/how-to/test-a-plugin.md", "def test_a_clash"): "tests/test_docs.py runs it with pytest",
    (
        "contrib/redis/README.md",
        "store =",
    ): "needs a server; tests/contrib/test_redis.py starts one",
    (
        "contrib/postgres/README.md",
        "sessions =",
    ): "needs a server; tests/contrib/test_postgres.py starts one",
    ("contrib/ray/README.md", "dispatcher ="): "needs a cluster; tests/contrib/ray has one",
    ("docs/tutorials/sessions-that-last.md", "session   tram"): "an example of what show prints",
    ("docs/tutorials/sessions-that-last.md", "  tram   "): "an example of what show prints",
    (
        "docs/how-to/openai-videos.md",
        "",
    ): "needs a server; tests/contrib/serve/openai/test_documentation.py runs it",
    ("docs/how-to/serve.md", "curl"): "needs a server; tests/contrib/serve/http asks one",
    ("docs/how-to/serve.md", "import {"): "needs a browser; tests/contrib/serve/page starts one",
    ("docs/how-to/serve.md", "token="): "a file of tokens; tests/contrib/serve/http writes one",
    ("docs/how-to/deploy.md", "docker build"): "needs an engine; tests/deploy checks what it reads",
    (
        "docs/how-to/deploy.md",
        "cp deploy/",
    ): "writes into the clone; tests/deploy does so elsewhere",
    ("docs/how-to/deploy.md", "kubectl"): "needs a cluster; tests/deploy checks what is applied",
    (
        "docs/ltx2.md",
        'longtake "rain" --model ltx-2.3',
    ): "the published files; tests/ltx2/test_whole_files.py makes small ones",
    ("docs/parallel.md", "torchrun"): "needs a launcher; tests/ltx2/test_parallel.py does",
    (
        "docs/how-to/embed-in-a-platform.md",
        "LONGTAKE_PLUGINS=",
    ): "a setting of a process, no command",
}
"""Blocks that are not run here: (document, beginning) -> why, or who does."""

PRELUDES = {
    "contrib/family-pendulum/README.md": (
        "import longtake as lt",
        "from tests.contrib.pendulum_takes import typed",
        "session = lt.Session(lt.load(family='pendulum'))",
        "session.extend('sea', sampling=lt.Sampling(height=8, width=8, num_frames=12))",
        "state = typed(session.state)",
    ),
    "contrib/objectstore/README.md": ("import longtake as lt",),
    "docs/ltx2.md": ("import longtake as lt",),
    "docs/ltx2-workflows.md": ("import attrs", "import longtake as lt"),
    "docs/plugins.md": ("import longtake as lt",),
    "docs/takes.md": (
        "import longtake as lt",
        "session = lt.Session(lt.load(family='pendulum'))",
        "prompts = ['sea', 'dusk']",
    ),
    "docs/reference/hooks.md": ("import longtake as lt",),
}
"""What a reader of a page has from the text around its snippets."""

BEFORE = {
    "NEXT PROMPT": "longtake generate 'a tram' --family pendulum --height 16 --width 16"
    " --save-state take.json -o take.mp4",
}
"""What was typed before a command: a part of it -> the command."""

REFUSED = ("--set swing.period=0",)
"""Commands that a page shows being refused, by a part of them."""


def fewer_plugins(command: str, document: str) -> bool:
    """Whether a command is run without LTX-2's plugins, whose examination takes many seconds.

    So it is with every doctor but the README's; `tests/sdk/doctor` has one more of all plugins.
    """
    return command.startswith("longtake doctor") and document != "README.md"
