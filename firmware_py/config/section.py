"""What a section and a setting are: a strict table of named values, each with unit, span, default and purpose."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from firmware_py.core.monitor import MonitorParams

CORE = MonitorParams()  # a default that the core has, too, is taken from here
KM_H = 3.6  # km/h in one m/s


class Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=False, validate_default=True, allow_inf_nan=False
    )


def setting(default: Any, why: str, unit: str = "", ge: float | None = None, le: float | None = None) -> Any:
    """One setting: default, span, unit and purpose; config.toml and the error messages show all of them."""
    return Field(default, ge=ge, le=le, description=why, json_schema_extra={"unit": unit})


def limits(field: FieldInfo) -> tuple[float | None, float | None]:
    """Smallest and largest value a setting takes, None where it has no such bound."""
    low = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    return low, high


def unit_of(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""
