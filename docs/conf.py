"""How the site is built: ``sphinx-build -W -n --keep-going -b html docs out/docs``, offline."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import longtake  # noqa: E402  # after the path is set, like the extensions below

logging.getLogger("longtake_ltx2").setLevel(logging.WARNING)  # a package of the theme logs all

project = "Longtake"
copyright = "the Longtake authors"
release = longtake.__version__
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "docs.outside", "docs.drawings"]
exclude_patterns = ["benchmarks/figures.md", "quality/figures.md"]  # parts of pages beside them
nitpicky = True
nitpick_ignore = [
    # aliases, which signatures show by their names
    ("py:class", "BlobData"),  # any buffer, or an iterable of buffers
    ("py:class", "Builder"),  # what returns a recipe, or its name
    ("py:class", "Phase"),  # of loading a plugin, a text
    ("py:class", "Recipe"),  # a tuple of StageSpec
    ("py:class", "Refused"),  # a name and why
    ("py:class", "Status"),  # of a plugin, a text
    ("py:class", "longtake.takes.notes.SoundTail"),  # a part of StreamState's document
    ("py:class", "Image"),  # of Pillow
    ("py:class", "Stage"),  # a StageSpec, a callable, or a name of one
    # what stages hand on to the state and nobody else makes
    ("py:class", "CarriedText"),
    ("py:class", "longtake_ltx2.continuation.texts.CarriedText"),
    # what the family hands to its loop
    ("py:class", "SamplerName"),
    ("py:class", "StepNoise"),
    ("py:class", "longtake_ltx2.conditioning.prompt_writer.PromptWriter"),
    ("py:class", "longtake_ltx2.forward.choice.ForwardChoice"),
    ("py:class", "longtake_ltx2.denoising.previews.LatentColors"),
    # what only a desk makes and uses
    ("py:class", "longtake.dispatch.listening.Mailbox"),
    # what a function makes has no public class
    ("py:class", "longtake.schema.bounds.Described"),
    ("py:class", "longtake.states.arrays.Array"),  # a validator
    ("py:class", "longtake_ltx2.clock.TakeClock"),
    ("py:class", "longtake.testing.blobs.samples.AnyStore"),  # any store, for a type checker
    # what stages of LTX-2 are made with; the pipeline hands it in
    ("py:class", "longtake_ltx2.numerics.Numerics"),
    ("py:class", "longtake_ltx2.parallel.leader.Leader"),
    ("py:obj", "LTX2VideoDiffusionDecoderModel"),  # of diffusers
    # type variables
    ("py:class", "T"),  # of AttrsCodec, whose constructor autodoc writes down as text
    ("py:class", "longtake.states.attrs_codec._Step"),  # what AttrsCodec.older adds
    ("py:class", "longtake.states.attrs_codec.T"),
    ("py:class", "longtake.states.state.T"),
    ("py:class", "longtake.plugins.registry.T"),
    ("py:class", "longtake.schema.wire.T"),
]
default_role = "py:obj"  # a name between single backticks in a docstring is a reference

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"Longtake {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
