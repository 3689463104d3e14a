"""References to what others document: a named link for each, so that building needs no network.

A name that is neither ours nor here is a warning, and warnings are errors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

__all__ = ["PAGES", "setup"]

_PYTHON = "https://docs.python.org/3/library/"
_NUMPY = "https://numpy.org/doc/stable/reference/"

_MODULES = {
    "collections.abc": ("Callable", "Generator", "Iterable", "Iterator", "Mapping", "Sequence"),
    "contextlib": ("AbstractContextManager",),
    "datetime": ("datetime",),
    "fractions": ("Fraction",),
    "os": ("PathLike",),
    "pathlib": ("Path",),
    "random": ("Random",),
    "threading": ("Event",),
    "typing": ("Any", "NoReturn", "Protocol", "Self"),
}
_BUILTINS = ("bool", "bytes", "dict", "float", "int", "list", "object", "str", "tuple", "type")
_ERRORS = (
    "BaseException",
    "ConnectionError",
    "Exception",
    "ImportError",
    "KeyError",
    "LookupError",
    "OSError",
    "RuntimeError",
    "SystemExit",
    "TypeError",
    "ValueError",
)


def _pages() -> dict[str, str]:
    pages = {name: f"{_PYTHON}stdtypes.html#{name}" for name in _BUILTINS}
    pages |= {
        name: f"{_PYTHON}functions.html#{name}" for name in ("bool", "float", "int", "object")
    }
    pages |= {name: f"{_PYTHON}exceptions.html#{name}" for name in _ERRORS}
    pages |= {
        "None": f"{_PYTHON}constants.html#None",
        "memoryview": f"{_PYTHON}stdtypes.html#memoryview",
    }
    pages |= {
        f"numpy.{name}": f"{_NUMPY}generated/numpy.{name}.html" for name in ("ndarray", "dtype")
    }
    for module, names in _MODULES.items():
        for name in names:
            pages[f"{module}.{name}"] = f"{_PYTHON}{module}.html#{module}.{name}"
    pages |= {
        "numpy.bool_": f"{_NUMPY}arrays.scalars.html#numpy.bool_",
        "numpy.uint8": f"{_NUMPY}arrays.scalars.html#numpy.uint8",
        "numpy.float32": f"{_NUMPY}arrays.scalars.html#numpy.float32",
        "numpy.float64": f"{_NUMPY}arrays.scalars.html#numpy.float64",
        "numpy.typing.NDArray": f"{_NUMPY}typing.html#numpy.typing.NDArray",
    }
    pages["torch.Tensor"] = "https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor"
    return pages


PAGES = _pages()
"""Full name of what others document, and where."""

_SHORT = {
    "Any": "typing.Any",
    "Callable": "collections.abc.Callable",
    "Fraction": "fractions.Fraction",
    "Generator": "collections.abc.Generator",
    "Iterator": "collections.abc.Iterator",
    "Mapping": "collections.abc.Mapping",
    "NDArray": "numpy.typing.NDArray",
    "NoReturn": "typing.NoReturn",
    "Path": "pathlib.Path",
    "Sequence": "collections.abc.Sequence",
    "np.bool_": "numpy.bool_",
    "np.float32": "numpy.float32",
    "np.float64": "numpy.float64",
    "np.uint8": "numpy.uint8",
}
"""Names that only a type checker imports stand in signatures as they are written."""


def _link(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contents: nodes.TextElement
) -> nodes.reference | None:
    target = str(node.get("reftarget", ""))
    page = PAGES.get(_SHORT.get(target, target))
    if node.get("refdomain") != "py" or page is None:
        return None
    return nodes.reference("", "", contents, internal=False, refuri=page, reftitle=target)


def _shown_signature(
    app: Sphinx,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    returns: str,
) -> tuple[str, str] | None:
    """None leaves it; a protocol is not called, and not every default has a text."""
    if what == "class" and getattr(obj, "_is_protocol", False):
        return "", ""
    if signature is None:
        return None
    shown = re.sub(r"NOTHING|<function \w+>", "...", signature)
    return _without_alias(shown), _without_alias(returns)


def _without_alias(signature: str) -> str:
    """Annotations stand as they are written: ``lt.BlobStore`` is `longtake.BlobStore`."""
    return re.sub(r"\blt\.", "longtake.", signature) if signature else signature


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", _shown_signature)
    app.connect("missing-reference", _link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
