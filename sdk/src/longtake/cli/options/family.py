"""Options that families bring to a command: one for each field of their options classes."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal

import attrs
import click

from longtake.cli.options.documents import parse_value
from longtake.cli.options.help import FAMILY_GROUP, GROUPS, write_examples, write_options
from longtake.families.family import ModelFamily
from longtake.plugins.registry import Registry
from longtake.schema.json_schema import without_none
from longtake.schema.keywords import keywords_of
from longtake.schema.references import resolve
from longtake.schema.suggestions import did_you_mean

__all__ = [
    "FAMILY_OPTIONS",
    "ModelCommand",
    "flag_of",
    "needed_again",
    "options_for",
    "path_options",
]

FAMILY_OPTIONS = "family_options"
"""The parameter of a command's function that has what the user said: ``{field: value}``."""

_PREFIX = "family_option_"
_METAVARS = {int: "N", float: "X", str: "TEXT"}


class ModelCommand(click.Command):
    """A command that also takes the options of the families; the signatures are click's.

    Plugins are loaded when its options are needed, never to list the commands.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        own = super().get_params(ctx)
        if __name__ not in ctx.meta:
            ctx.meta[__name__] = _family_params(own)
        count = len(self.params)  # those after them are click's: --help
        return [*own[:count], *ctx.meta[__name__], *own[count:]]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        params = self.get_params(ctx)
        brought = {p.name or "": p.group for p in params if isinstance(p, _FamilyOption)}
        write_options(ctx, formatter, params, brought)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(ctx.command_path.partition(" ")[2], formatter)
        super().format_epilog(ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        said = {name: value for name, value in ctx.params.items() if name.startswith(_PREFIX)}
        for name in said:
            del ctx.params[name]
        ctx.params[FAMILY_OPTIONS] = {
            name.removeprefix(_PREFIX): value
            for name, value in said.items()
            if value not in ((), None)
        }
        return super().invoke(ctx)


class _FamilyOption(click.Option):
    """An option that families bring. ``group``: of `GROUPS`, where it is shown."""

    def __init__(self, *args: Any, group: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


def options_for(family: ModelFamily, said: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of `longtake.load` from what was said on the command line.

    Raises `click.UsageError` for an option that the family does not have.
    """
    fields = _fields(family) if said else {}
    for name in said:
        if name not in fields:
            meant = did_you_mean(flag_of(name), map(flag_of, fields))
            raise click.UsageError(f"family {family.name!r} has no option {flag_of(name)}{meant}.")
    return {name: _parsed(name, fields[name].type, value) for name, value in said.items()}


def path_options(family: ModelFamily, said: Mapping[str, Any]) -> frozenset[str]:
    """Those of the options that were ``said`` whose values are files, by the group they are in."""
    fields = _fields(family) if said else {}
    return frozenset(n for n in said if n in fields and fields[n].metadata.get("group") == "Model")


def needed_again(family: ModelFamily, names: Iterable[str]) -> tuple[str, ...]:
    """Those options of ``names`` that a take must have to be made again, in order.

    The metadata of the others says ``{"again": False}``: what they do is in the take's prompts.
    """
    fields = _fields(family)
    return tuple(sorted(name for name in names if fields[name].metadata.get("again", True)))


def flag_of(name: str) -> str:
    """The option for a field of a family's options class."""
    return f"--{name.replace('_', '-')}"


def _fields(family: ModelFamily) -> dict[str, attrs.Attribute[Any]]:
    """What may be said of ``family`` on the command line. Raises whatever its plugin does."""
    found: dict[str, attrs.Attribute[Any]] = {}
    for joined in family.extensions:
        found |= _isolated(partial(_of_class, joined.extension.options), joined.provider)
    return {**found, **_of_class(family.options)}


def _of_class(options: str | type | None) -> dict[str, attrs.Attribute[Any]]:
    cls: Any = resolve(options)
    if cls is None:
        return {}
    attrs.resolve_types(cls)
    found = {field.name: field for field in attrs.fields(cls) if field.init}
    return {name: field for name, field in found.items() if field.metadata.get("cli", True)}


def _family_params(own: list[click.Parameter]) -> list[click.Parameter]:
    """One option per name; where two families have the name, for both."""
    declared: dict[str, dict[str, attrs.Attribute[Any]]] = {}
    for provided in Registry.default().families:
        found = _isolated(partial(_fields, provided.value), f"family {provided.value.name!r}")
        for name, field in found.items():
            declared.setdefault(name, {})[provided.value.name] = field
    params = [_param(name, fields) for name, fields in declared.items()]
    taken = {text for param in own for text in (*param.opts, *param.secondary_opts)}
    return [p for p in params if taken.isdisjoint((*p.opts, *p.secondary_opts))]


def _isolated(
    read: Callable[[], dict[str, attrs.Attribute[Any]]], whose: str
) -> dict[str, attrs.Attribute[Any]]:
    try:
        return read()
    except Exception:  # isolation: one plugin's options must not cost another's command
        import logging  # late, as nothing fails as a rule

        text = "the options of %s cannot be read"
        logging.getLogger(__name__).warning(text, whose, exc_info=True)
        return {}


def _param(name: str, fields: Mapping[str, attrs.Attribute[Any]]) -> click.Option:
    hints = [without_none(field.type) for field in fields.values()]
    texts = [f.metadata["help"] for f in fields.values() if "help" in f.metadata]
    help_text = " ".join([*texts[:1], f"[{', '.join(fields)}]"])
    flag, parameter = flag_of(name), f"{_PREFIX}{name}"
    named = [f.metadata["group"] for f in fields.values() if "group" in f.metadata]
    group = named[0] if named and named[0] in GROUPS else FAMILY_GROUP
    if all(hint is bool for hint in hints):
        pair = f"{flag}/--no-{flag.removeprefix('--')}"
        return _FamilyOption([pair, parameter], default=None, help=help_text, group=group)
    return _FamilyOption(
        [flag, parameter],
        group=group,
        multiple=any(map(_is_list, hints)),
        metavar=_metavar(list(fields.values()), hints),
        help=help_text,
    )


def _metavar(fields: list[attrs.Attribute[Any]], hints: list[Any]) -> str:
    for field in fields:
        if "metavar" in field.metadata:
            return str(field.metadata["metavar"])
    choices = [
        choice
        for field, hint in zip(fields, hints, strict=True)
        for choice in _choices(hint) or _checked_choices(field)
        if choice is not None
    ]
    if choices:
        return f"[{'|'.join(dict.fromkeys(map(str, choices)))}]"
    kinds = {typing.get_args(hint)[0] if _is_list(hint) else hint for hint in hints}
    return _METAVARS.get(kinds.pop(), "VALUE") if len(kinds) == 1 else "VALUE"


def _choices(hint: Any) -> tuple[Any, ...]:
    origin: object = typing.get_origin(hint)
    return typing.get_args(hint) if origin is Literal else ()


def _checked_choices(field: attrs.Attribute[Any]) -> list[Any]:
    """Those that a validator of the field, or of its items, allows."""
    for keywords in keywords_of(field.validator, "choice", "choice", where=field.name):
        found: list[Any] = keywords.get("items", keywords).get("enum", [])
        if found:
            return found
    return []


def _is_list(hint: Any) -> bool:
    return typing.get_origin(hint) in (list, tuple)


def _parsed(name: str, hint: Any, said: Any) -> Any:
    """What was said as a document of the type ``hint``; the strict converter has the last word."""
    hint = without_none(hint)
    if isinstance(said, bool):
        return said
    if _is_list(hint):
        items = typing.get_args(hint)
        wanted = items if len(items) == len(said) and ... not in items else items[:1] * len(said)
        return [_scalar(item, text) for item, text in zip(wanted, said, strict=True)]
    if isinstance(said, tuple):  # repeatable for the sake of another family
        if len(said) > 1:
            raise click.UsageError(f"{flag_of(name)} is given {len(said)} times.")
        said = said[0]
    return _scalar(hint, said)


def _scalar(hint: Any, text: str) -> Any:
    hint = without_none(hint)
    return text if hint is str or text in _choices(hint) else parse_value(text)
