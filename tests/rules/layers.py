"""The layers of the SDK: the one table that the rules hold and the documentation shows."""

from __future__ import annotations

from attrs import frozen

__all__ = ["LAYERS", "OUTSIDE", "Layer"]


@frozen
class Layer:
    """Rooms, by their names below ``longtake``, that may import each other and all rooms below.

    ``answers``: the question that each of them answers.
    """

    answers: dict[str, str]


LAYERS = (
    Layer(
        {
            "errors": "What can go wrong, and how is it said?",
            "settings": "What is read from the environment?",
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
    Layer({"requests": "What does a caller ask for?"}),
    Layer({"families": "What does a plugin say about a family of models?"}),
    Layer({"runs": "How does a segment come about?"}),
    Layer({"hookspecs": "What can a plugin do?"}),
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
            "sessions": "Who keeps the state of a take while it grows?",
            "doctor": "Which plugin is broken, and where?",
            "scaffolding": "What does a new plugin's package begin with?",
        }
    ),
    Layer(
        {
            "cli": "What does the command line do?",
            "__main__": "What does ``python -m longtake`` do?",
        }
    ),
)
"""From the bottom up. Inside a layer, and inside a room, no imports go round in a circle."""

OUTSIDE = {
    "longtake": "The facade: it names everything that is public.",
    "longtake.scaffolding.templates": "What third parties begin with; it sees public names only.",
    "longtake.testing": "What third parties subclass; it sees public names only.",
}
