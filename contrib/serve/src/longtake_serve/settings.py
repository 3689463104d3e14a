"""What a server is told: each setting is an option, a variable of the environment, or in a file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import attrs
import click
from attrs import field, frozen
from click.core import ParameterSource

import longtake as lt
from longtake_serve.takes.limits import ServeLimits

__all__ = ["Settings", "rows_of", "settings_of", "settings_options"]

F = TypeVar("F", bound=Callable[..., Any])

_ENVIRONMENT = "LONGTAKE_SERVE_"
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1", re.ASCII)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_SECRET = re.compile(r"(?i)([?&][^=&\s]*(?:password|secret|key|token)[^=&\s]*=)[^&\s]*")
_SOURCES = {
    ParameterSource.COMMANDLINE: "option",
    ParameterSource.ENVIRONMENT: "environment",
    ParameterSource.DEFAULT_MAP: "file",
    ParameterSource.DEFAULT: "default",
}


@frozen(kw_only=True)
class Settings:
    """What a server is told.

    - ``spec``: of the pipelines; ``dispatcher``: the URL of what has them rolled.
    - ``sessions``, ``blobs``: URLs of the stores; ``folder``: for those that were not said.
    - ``host``, ``port``: where it listens; port 0 is any that is free.
    - ``tokens``: URL of what knows whose a token is; ``without_tokens``: whether others than this
      machine may go without. ``hosts``: names under which it is asked; all when empty.
    - ``audio_codec``: of new takes. ``limits``: what tenants may ask for.

    Raises `longtake.ValidationError`.
    """

    spec: lt.PipelineSpec
    dispatcher: str = field(default="inprocess:", repr=False)
    sessions: str = field(repr=False)
    blobs: str = field(repr=False)
    folder: Path
    host: str = "127.0.0.1"
    port: int = 8008
    tokens: str | None = field(default=None, repr=False)
    without_tokens: bool = False
    hosts: tuple[str, ...] = ()
    audio_codec: Literal["aac", "flac"] = "flac"
    limits: ServeLimits = field(factory=ServeLimits)

    def __attrs_post_init__(self) -> None:
        if self.tokens is None and not self.without_tokens and not self.is_local:
            problem = (
                f"is needed where others than this machine can ask ({self.host}); name a file of "
                "tokens, or say --without-tokens to let everybody in"
            )
            raise lt.ValidationError("tokens", problem)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can ask."""
        return _LOOPBACK.fullmatch(self.host) is not None


def settings_options(command: F) -> F:
    """The options that `settings_of` reads."""
    for option in reversed(_options()):
        command = option(command)
    return command


def settings_of(values: dict[str, Any]) -> Settings:
    """The settings of a command's parameters. Raises `longtake.ValidationError`."""
    folder = Path(values["folder"] or _default_folder(values["data_home"])).expanduser().absolute()
    model = values["model"]
    family = values["family"] or (None if model else "pendulum")
    preset, tokens = values["preset"], values["tokens"]
    hosts = tuple(values["allowed_host"])
    settings = Settings(
        spec=lt.PipelineSpec(model=model, family=family, preset=preset),
        dispatcher=_dispatcher(values["dispatcher"], values["device"]),
        sessions=values["sessions"] or f"sqlite://{quote(str(folder / 'takes.db'))}",
        blobs=values["blobs"] or f"file://{quote(str(folder / 'blobs'))}",
        folder=folder,
        host=values["host"],
        port=values["port"],
        tokens=None if tokens is None else _url_of_tokens(tokens),
        without_tokens=values["without_tokens"],
        hosts=hosts,
        audio_codec=values["audio_codec"],
        limits=ServeLimits(**{name: values[f"limit_{name}"] for name in _limit_names()}),
    )
    if settings.is_local and tokens is None and not hosts:  # no page may call itself this machine
        return attrs.evolve(settings, hosts=("localhost", "127.0.0.1", "[::1]"))
    return settings


def rows_of(context: click.Context, settings: Settings) -> list[tuple[str, str, str]]:
    """Name, value and source of every setting; secrets in URLs are left out."""
    used = {
        "model": settings.spec.model,
        "family": settings.spec.family,
        "dispatcher": settings.dispatcher,
        "sessions": settings.sessions,
        "blobs": settings.blobs,
        "folder": settings.folder,
        "allowed_host": settings.hosts,
    }
    rows = []
    for parameter in context.command.params:
        name = parameter.name or ""
        if not isinstance(parameter, click.Option) or parameter.hidden or name in _NO_SETTING:
            continue
        source = context.get_parameter_source(name)
        value = used.get(name, context.params.get(name))
        text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        shown = "" if value is None else _without_secrets(text)
        rows.append((name.replace("_", "-"), shown, _SOURCES.get(source, "default")))  # type: ignore[arg-type]
    return rows


_LIMITS = {
    "sessions": "Takes of one tenant.",
    "queue": "Open requests of one take.",
    "segments": "Of one take.",
    "body_bytes": "Of a request.",
    "upload_bytes": "Of a take that is imported.",
    "pixels": "Of a frame.",
    "prompt_characters": "Of a prompt.",
    "connections": "Of all clients together.",
}
"""What each limit is of, for help."""

_NO_SETTING = frozenset({"help", "config", "show_settings"})


def _options() -> list[Callable[[F], F]]:
    port = click.IntRange(0, 65535)
    codec = click.Choice(["aac", "flac"])
    file = click.Path(exists=True, dir_okay=False)
    return [
        click.option(
            "--config",
            type=file,
            is_eager=True,
            expose_value=False,
            callback=_read_file,
            envvar=f"{_ENVIRONMENT}CONFIG",
            metavar="FILE",
            help="A TOML file with any of these settings by their names.",
        ),
        _option("--model", metavar="DIR", help="Checkpoint to load."),
        _option("--family", metavar="NAME", help="Its family; pendulum when there is no model."),
        _option("--preset", metavar="NAME", help="Of new takes; else the family's first."),
        _option("--device", multiple=True, help="One worker for each, e.g. cuda:0. Repeatable."),
        _option("--dispatcher", metavar="URL", help="Who rolls them; else this process does."),
        _option("--sessions", metavar="URL", help="Where takes and their work are kept."),
        _option("--blobs", metavar="URL", help="Where their media are kept."),
        _option("--folder", metavar="DIR", help="Of the stores that are not said."),
        _option("--host", default="127.0.0.1", show_default=True, help="Where it listens."),
        _option("--port", type=port, default=8008, show_default=True, help="0: any free one."),
        _option(
            "--tokens",
            metavar="FILE|URL",
            help="Lines TENANT:SHA256 of a token, or who knows tokens, by a plugin.",
        ),
        _option("--without-tokens", is_flag=True, help="Let everybody in, from anywhere."),
        _option("--allowed-host", multiple=True, help="Name it is asked by. Repeatable."),
        _option(
            "--audio-codec",
            type=codec,
            default="flac",
            show_default=True,
            help="Of new takes: lossless FLAC, or AAC for players that know no FLAC in MP4.",
        ),
        *(
            _option(
                f"--limit-{each.name.replace('_', '-')}",
                type=click.IntRange(min=1),
                default=each.default,
                show_default=True,
                metavar="N",
                help=_LIMITS[each.name],
            )
            for each in attrs.fields(ServeLimits)
        ),
        click.option("--data-home", envvar="XDG_DATA_HOME", hidden=True),
    ]


def _option(name: str, **keywords: Any) -> Callable[[F], F]:
    variable = _ENVIRONMENT + name.removeprefix("--").replace("-", "_").upper()
    return click.option(name, envvar=variable, show_envvar=False, **keywords)


def _read_file(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Make a TOML file the defaults of the options. Unknown names are refused."""
    if value is None:
        return
    try:
        document = tomllib.loads(Path(value).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{value} is no TOML file: {error}", context, parameter) from None
    known = {each.name: each for each in context.command.params if isinstance(each, click.Option)}
    found: dict[str, Any] = {}
    for key, setting in document.items():
        option = known.get(key.replace("-", "_"))
        if option is None or option.hidden or option.name in _NO_SETTING:
            raise click.BadParameter(f"{value}: there is no setting {key!r}", context, parameter)
        if isinstance(setting, dict) or isinstance(setting, list) != option.multiple:
            kind = "a list of texts" if option.multiple else "one value"
            raise click.BadParameter(f"{value}: {key} must be {kind}", context, parameter)
        found[key.replace("-", "_")] = setting
    context.default_map = found


def _dispatcher(url: str | None, devices: Sequence[str]) -> str:
    """The URL of the dispatcher; workers of this process may be on devices of their own."""
    if url is None:
        return f"inprocess:{','.join(devices)}"
    if devices:
        problem = "is for workers of this process; say in the dispatcher's URL where others are"
        raise lt.ValidationError("device", problem)
    return url if ":" in url else f"{url}:"


def _default_folder(data_home: str | None) -> Path:
    home = Path(data_home) if data_home else Path.home() / ".local" / "share"
    return home / "longtake" / "serve"


def _url_of_tokens(given: str) -> str:
    if _URL.match(given):
        return given
    return f"file://{quote(str(Path(given).expanduser().absolute()))}"


def _limit_names() -> list[str]:
    return [each.name for each in attrs.fields(ServeLimits)]


def _without_secrets(text: str) -> str:
    text = re.sub(r"//[^/@\s]*@", "//***@", text)
    return _SECRET.sub(r"\1***", text)
