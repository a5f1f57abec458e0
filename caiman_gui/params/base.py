"""How a parameter is declared: once, with everything that form, CLI, JSON and docs need."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Iterator

Tier = Literal["basic", "expert", "hidden"]
Kind = Literal["int", "float", "choice", "flag", "text"]

# A length or a duration can also be typed in physical units: suffix -> twin suffix.
TWIN_SUFFIX = {"_px": "_um", "_frames": "_s"}


def param(
    default: Any,
    *,
    title: str,
    help: str,
    unit: str = "",
    ge: float | None = None,
    le: float | None = None,
    gt: float | None = None,
    tier: Tier = "basic",
    caiman: str = "",
    too_small: str = "",
    too_large: str = "",
    labels: dict[str, str] | None = None,
) -> Any:
    """Declare one parameter.

    Parameters
    ----------
    default : Any
        The scientific default; it is written nowhere else.
    title, help : str
        Name in the form, and its meaning in one sentence.
    unit : str
        ``px``, ``frames``, ``s``, ``Hz``, ``µm`` or empty.
    ge, le, gt : float, optional
        Allowed range.
    tier : {"basic", "expert", "hidden"}
        Shown at once, behind "More", or not in forms at all.
    caiman : str
        Name in CaImAn, as ``group.name``.
    too_small, too_large : str
        What goes wrong on either side, for the tooltip.
    labels : dict, optional
        Words for the values of a choice.
    """
    return Field(
        default,
        title=title,
        description=help,
        ge=ge,
        le=le,
        gt=gt,
        json_schema_extra={
            "unit": unit,
            "tier": tier,
            "caiman": caiman,
            "too_small": too_small,
            "too_large": too_large,
            "labels": dict(labels or {}),
        },
    )


class ParamModel(BaseModel):
    """A frozen group of parameters. Unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    #: Field name -> condition "other_field=value" under which it has an effect.
    enabled_when: ClassVar[dict[str, tuple[str, Any]]] = {}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """All that a form, the command line or a document needs to know about one parameter."""

    group: str
    name: str
    kind: Kind
    default: Any
    title: str
    help: str
    unit: str
    tier: Tier
    caiman: str
    minimum: float | None
    maximum: float | None
    exclusive_minimum: bool
    choices: tuple[Any, ...]
    labels: dict[str, str]
    is_optional: bool
    too_small: str
    too_large: str
    enabled_when: tuple[str, Any] | None

    @property
    def path(self) -> str:
        """Dotted name, ``group.name``."""
        return f"{self.group}.{self.name}" if self.group else self.name

    @property
    def option(self) -> str:
        """Long option of the command line."""
        return "--" + self.path.replace("_", "-")

    @property
    def twin(self) -> str | None:
        """Name of the same parameter in physical units (µm or s), if it has one."""
        for suffix, twin in TWIN_SUFFIX.items():
            if self.name.endswith(suffix):
                return self.name.removesuffix(suffix) + twin
        return None


def field_specs(model: type[ParamModel], group: str = "") -> Iterator[FieldSpec]:
    """Yield one FieldSpec for each parameter of a group, in declaration order."""
    for name, info in model.model_fields.items():
        annotation, is_optional = _strip_optional(info.annotation)
        extra: dict[str, Any] = (
            info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        )
        lower, upper, exclusive = None, None, False
        for bound in info.metadata:
            if getattr(bound, "ge", None) is not None:
                lower = bound.ge
            if getattr(bound, "gt", None) is not None:
                lower, exclusive = bound.gt, True
            if getattr(bound, "le", None) is not None:
                upper = bound.le
        choices = get_args(annotation) if get_origin(annotation) is Literal else ()
        yield FieldSpec(
            group=group,
            name=name,
            kind=_kind(annotation),
            default=info.default,
            title=info.title or name,
            help=info.description or "",
            unit=extra.get("unit", ""),
            tier=extra.get("tier", "basic"),
            caiman=extra.get("caiman", ""),
            minimum=lower,
            maximum=upper,
            exclusive_minimum=exclusive,
            choices=choices,
            labels=extra.get("labels", {}),
            is_optional=is_optional,
            too_small=extra.get("too_small", ""),
            too_large=extra.get("too_large", ""),
            enabled_when=model.enabled_when.get(name),
        )


def _strip_optional(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [a for a in get_args(annotation) if a is not type(None)]
        return rest[0], len(rest) < len(get_args(annotation))
    return annotation, False


def _kind(annotation: Any) -> Kind:
    if get_origin(annotation) is Literal:
        return "choice"
    if annotation is bool:
        return "flag"
    if annotation is int:
        return "int"
    if annotation is float:
        return "float"
    if annotation is str:
        return "text"
    raise TypeError(f"no editor for a parameter of type {annotation!r}")
