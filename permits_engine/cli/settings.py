"""The settings of the command line: arguments win over the environment, the environment over a file.

The library itself reads no environment.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)
from sqlalchemy import make_url

from permits_engine.commands.fields import label
from permits_engine.commands.fields import office as office_code
from permits_engine.commands.validation import reason_of, refusal, suggestion
from permits_engine.domain.errors import invalid
from permits_engine.policies.values import ROLES
from permits_engine.store.keys.key_files import default_key_file

FILE = "permits.toml"
_STORE = re.compile(r"sqlite(\+pysqlite)?:///.+|(postgresql(\+psycopg)?|postgres)://.*", re.DOTALL)

_TAKEN = ("mail", "smtp", "folder", "counter", "sink")
_JSON = {
    "office_addresses": '{"MA-RAB": "office@example.org"}',
    "services": '[{"name": "sms", "url": "twilio://…/{phone}", "segments": 2}]',
}
"""Examples of settings that are JSON in the environment."""


def _store(value: str) -> str:
    if not _STORE.fullmatch(value) or not value.isprintable():
        raise ValueError(
            "is not the address of a store; write sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        )
    if value.endswith("/:memory:"):
        raise ValueError("would end with the command; name a file: sqlite:///permits.db")
    return value


def _path(value: Path) -> Path:
    if not str(value).isprintable() or value == Path():
        raise ValueError("is not the path of a file")
    return value


def _grant(value: str) -> str:
    role, at, office = value.partition("@")
    if role not in ROLES:
        raise ValueError(
            f"{role!r} is no role{suggestion(role, sorted(ROLES))}; write counter@MA-RAB or auditor"
        )
    if at:
        office_code(office)
    return value


def _service_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", value) or value in _TAKEN:
        raise ValueError(
            f"is no name for a service; take a short word such as sms, but none of {', '.join(_TAKEN)}"
        )
    return value


class Service(BaseModel):
    """A way to reach holders besides mail: any service that Apprise knows, by its address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, AfterValidator(_service_name)]
    url: str = Field(min_length=5, max_length=2_000, repr=False)
    segments: int | None = Field(default=None, ge=1, le=20)
    per_second: float | None = Field(default=None, gt=0)


class Settings(BaseSettings):
    """Every setting, as ``PERMITS_…`` in the environment or a key of ``permits.toml``."""

    model_config = SettingsConfigDict(env_prefix="PERMITS_", toml_file=FILE, extra="forbid")

    store: Annotated[str, AfterValidator(_store)] = "sqlite:///permits.db"
    keys: Annotated[Path, AfterValidator(_path)] | None = None
    master_keys: str | None = Field(default=None, repr=False, max_length=100_000)
    key_service: Annotated[str, Field(max_length=2_000), AfterValidator(label)] | None = None
    key_service_token: str | None = Field(default=None, repr=False)
    signing_key: Annotated[Path, AfterValidator(_path)] | None = None
    operator: Annotated[str, Field(max_length=200), AfterValidator(label)] | None = None
    operator_roles: Annotated[tuple[Annotated[str, AfterValidator(_grant)], ...], NoDecode] = ()
    mail_dir: Annotated[Path, AfterValidator(_path)] | None = None
    mail_from: str = "no-reply@permits.invalid"
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    smtp_user: str | None = None
    smtp_password: str | None = Field(default=None, repr=False)
    smtp_timeout: float = Field(default=30, gt=0, le=600)
    smtp_per_second: float | None = Field(default=None, gt=0)
    interval: float = Field(default=300, ge=0.1, le=86_400)
    lease_seconds: float = Field(default=30, ge=1, le=3_600)
    brake: int = Field(default=10_000, ge=1)
    heartbeat: Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(label)] | None = None
    checkpoints: Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(label)] | None = None
    checkpoint_every: float = Field(default=86_400, ge=1, le=31_536_000)
    listen: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    office_addresses: dict[str, str] = Field(default_factory=dict)
    office_digest: bool = True
    services: tuple[Service, ...] = ()
    channels: Annotated[tuple[str, ...], NoDecode] = ()

    @field_validator("operator_roles", "channels", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """Split a list that the environment writes with commas."""
        return [x.strip() for x in value.split(",") if x.strip()] if isinstance(value, str) else value

    @field_validator("services")
    @classmethod
    def _different(cls, value: tuple[Service, ...]) -> tuple[Service, ...]:
        if len({each.name for each in value}) < len(value):
            raise ValueError("names two services alike")
        return value

    @field_validator("channels")
    @classmethod
    def _known(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = ["mail", *(each.name for each in info.data.get("services", ()))]
        for each in value:
            if each not in known:
                raise ValueError(f"{each!r} is none of {', '.join(known)}{suggestion(each, known)}")
        if len(set(value)) < len(value):
            raise ValueError("names a channel twice")
        return value

    @property
    def order(self) -> tuple[str, ...]:
        """The channels to holders, the first choice first."""
        return self.channels or ("mail", *(each.name for each in self.services))

    @property
    def key_file(self) -> Path:
        """The file of the master key: as set, or beside a SQLite store; raises ``input.invalid``."""
        if self.keys is not None:
            return self.keys
        if not self.store.startswith("sqlite"):
            raise invalid("PERMITS_KEYS", "is missing: name the file of the master key, which init makes")
        return default_key_file(self.store)

    @property
    def signing_file(self) -> Path | None:
        """The file of the signing key: as set, or beside the master key's; none where neither has a place."""
        if self.signing_key is not None:
            return self.signing_key
        if self.keys is None and not self.store.startswith("sqlite"):
            return None
        return self.key_file.with_suffix(".signing")

    @property
    def mail_folder(self) -> Path:
        """The folder of .eml files: as set, or ``mail`` beside a SQLite store."""
        if self.mail_dir is not None:
            return self.mail_dir
        if not self.store.startswith("sqlite"):
            return Path("mail")
        return Path(str(make_url(self.store).database)).parent / "mail"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then ``permits.toml`` in the working folder."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(**given: Any) -> Settings:
    """Read the settings; arguments that are ``None`` are left to the environment. Raises ``input.invalid``."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as problem:
        raise refusal([_fault(dict(each)) for each in problem.errors(include_input=False)]) from None
    except SettingsError as problem:
        name = re.search(r'field "(\w+)"', str(problem))
        field = name[1] if name else "…"
        raise refusal(
            [{"path": _variable(field), "reason": f"is not JSON such as {_JSON.get(field)}"}]
        ) from None
    except (OSError, ValueError) as problem:
        reason = str(getattr(problem, "strerror", None) or problem)
        raise refusal([{"path": FILE, "reason": f"cannot be read: {reason}"}]) from None


def _fault(fault: dict[str, Any]) -> dict[str, str]:
    name, *below = (str(step) for step in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return {"path": FILE, "reason": f"{name!r} is not a setting{suggestion(name, Settings.model_fields)}"}
    reason = reason_of(fault, "the settings")
    if name == "store":
        return {"path": "store", "reason": f"{reason} (--store, PERMITS_STORE or {FILE})"}
    where = ".".join([_variable(name), *below])
    return {"path": where, "reason": f"{reason} (environment or {FILE})"}


def _variable(name: str) -> str:
    return f"PERMITS_{name.upper()}"
