"""The layers of the SDK and of the LTX-2 family: the one table, which the rules hold.

The documentation draws from it. It stands beside the rules and not in the documentation, because
they are what makes it true; it needs attrs alone, so whoever builds the site can read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen

__all__ = ["LTX2", "SDK", "Layer", "Package"]


@frozen
class Layer:
    """Rooms of the same height, by their names below the package: folders, or single files.

    ``answers``: the question that each of them answers.
    """

    answers: Mapping[str, str]


@frozen
class Package:
    """The rooms of one package, in layers from the bottom up.

    A room imports rooms of its own layer and of those below, and no two rooms import each other,
    not even over a third. ``outside``: what has no height, by the beginnings of modules' names, and
    why; it is not imported by any room.
    """

    name: str
    layers: tuple[Layer, ...]
    outside: Mapping[str, str]

    def rooms(self) -> Iterator[tuple[str, int]]:
        """The name of each room, and its height: 0 is the bottom."""
        for height, layer in enumerate(self.layers):
            for room in layer.answers:
                yield room, height


SDK = Package(
    "longtake",
    (
        Layer(
            {
                "errors": "What can go wrong, and how is it said?",
                "settings": "What is read from the environment?",
                "keys": "Which secret keys are there, and which is in use?",
                "files": "Which files are read and written at all?",
                "durable": "How is a file replaced so that a kill cannot tear it?",
            }
        ),
        Layer({"schema": "How do values become plain JSON and back, and what do fields refuse?"}),
        Layer(
            {
                "blobs": "Where are bytes that are too big for a state?",
                "media": "How are pictures and sound read from files and written to them?",
            }
        ),
        Layer({"states": "What travels from one segment to the next?"}),
        Layer(
            {
                "requests": "What does a caller ask for, and who is it?",
                "session_stores": "Where are takes kept between segments, and who may change them?",
            }
        ),
        Layer({"families": "What does a plugin say about a family of models?"}),
        Layer({"runs": "How does a segment come about?"}),
        Layer({"takes": "What is a take as a file, and how does it go on?"}),
        Layer(
            {
                "hookspecs": "What can a plugin do?",
                "commands": "What is a command that a plugin adds?",
                "dispatchers": "What is a kind of dispatcher that a plugin adds?",
            }
        ),
        Layer({"pipeline": "What is a family with its networks, ready to run?"}),
        Layer(
            {
                "plugins": "Which plugins are there, and what do they bring?",
                "builtin": "What does Longtake itself bring, by the plugins' own door?",
            }
        ),
        Layer(
            {
                "loading": "How does a path or a family become a pipeline?",
                "sessions": "How is a take rolled segment by segment, in one process or by many?",
                "doctor": "Which plugin is broken, and where?",
                "scaffolding": "What does a new plugin's package begin with?",
            }
        ),
        Layer({"dispatch": "Who rolls which segment next, and on which worker?"}),
        Layer({"cli": "What does the command line do?"}),
        Layer({"__main__": "What does ``python -m longtake`` do?"}),
    ),
    outside={
        "longtake": "The facade: it names everything that is public.",
        "longtake.scaffolding.templates": "What third parties begin with: public names only.",
        "longtake.testing": "What third parties subclass: public names only.",
    },
)

LTX2 = Package(
    "longtake_ltx2",
    (
        Layer(
            {
                "clock": "Where are a segment's frames, latents and samples on the take's clock?",
                "generation": "Of which generation is a checkpoint?",
                "noise": "How does a seed become noise?",
                "numerics": "Whose arithmetic is followed: Lightricks' or diffusers'?",
                "quiet": "How are other libraries kept from talking?",
                "stage_overrides": "What may a request change of a stage?",
                "sizes": "Which sizes and lengths are there at all?",
            }
        ),
        Layer(
            {
                "values": "What do the stages hand on to each other?",
                "latents": "How do latents become tokens and back?",
                "checkpoints": "What is in a checkpoint's files?",
                "lora": "How does a LoRA get into a network, and when is it on?",
            }
        ),
        Layer({"forward": "How does the transformer compute a pass, with how little work?"}),
        Layer(
            {
                "pipeline_configs": "What may a user choose when a checkpoint is loaded?",
                "continuation": "What travels to the next segment, and how is it written down?",
                "denoising": "How is noise taken away, step by step?",
            }
        ),
        Layer(
            {
                "picture": "How do latents become pictures, a few at a time?",
                "sound": "Which samples does a segment give, and which are held back?",
                "conditioning": "What do prompts, pictures, clips, sound and the take before say?",
                "parallel": "How do several devices share the work?",
                "recipes": "Which stages make a segment, and in which order?",
            }
        ),
        Layer({"loading": "How do a checkpoint's files become networks on a device?"}),
        Layer({"estimating": "What will a take need, told without weights?"}),
        Layer({"stages": "What are the steps of a segment?"}),
        Layer(
            {
                "duration": "How many frames does a prompt ask for?",
                "presets": "Which settings have a name?",
                "tiny": "How is a small random checkpoint written?",
            }
        ),
        Layer({"plugin": "What does the family say of itself?"}),
    ),
    outside={"longtake_ltx2": "The facade: its version, and what is public beside its rooms."},
)
