"""Configuration of the command line: arguments win over the environment, the environment over a file.

The library itself reads no environment; only the CLI makes a ``Settings``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from permits_engine.domain.errors import InputError


class Settings(BaseSettings):
    """Every setting, as ``PERMITS_…`` in the environment or a key of ``permits.toml``."""

    model_config = SettingsConfigDict(env_prefix="PERMITS_", toml_file="permits.toml", extra="ignore")

    store: str = "sqlite:///permits.db"
    keys: Path | None = None
    operator: str | None = Field(default=None, max_length=200)
    mail_dir: Path | None = None
    mail_from: str = "no-reply@permits.invalid"
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    smtp_user: str | None = None
    smtp_password: str | None = Field(default=None, repr=False)
    office_addresses: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then ``permits.toml`` in the working folder."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(**given: Any) -> Settings:
    """The settings, with arguments that are none left to the environment; raises ``input.invalid``."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as problem:
        fields = [
            {"path": "PERMITS_" + "_".join(map(str, fault["loc"])).upper(), "reason": fault["msg"]}
            for fault in problem.errors(include_url=False, include_input=False, include_context=False)
        ]
        text = "; ".join(f"{field['path']}: {field['reason']}" for field in fields)
        raise InputError("input.invalid", text, fields=fields) from None
    except (OSError, ValueError) as problem:
        raise InputError("input.invalid", f"permits.toml: {problem}", fields=[]) from None
