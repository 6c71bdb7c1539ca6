"""What a command needs of this machine: settings, operator, keys, and the store, open."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from permits_engine.cli.operator import Operator
from permits_engine.cli.registry import line
from permits_engine.cli.settings import Settings, load
from permits_engine.domain.errors import invalid
from permits_engine.engine import Engine
from permits_engine.store.keys.http_key_service import HttpKeyService
from permits_engine.store.keys.master_keys import MasterKeys


class Session:
    """One line typed: its settings, its operator, and the store that they name."""

    @cached_property
    def settings(self) -> Settings:
        """The settings: options over environment over file."""
        return self.read_settings()

    def read_settings(self) -> Settings:
        """Read the settings again, for a process that lasts."""
        return load(store=line.store)

    @cached_property
    def operator(self) -> Operator:
        """Who runs the command line, with the roles that the settings grant."""
        return Operator.of(self.settings)

    def open(self, *roles: str, decrypt: bool = True) -> Engine:
        """Open the store; without ``decrypt`` no master key is needed, and nothing personal can be read.

        Raises ``actor.not_competent`` unless one of the roles is granted, ``store.not_initialised``,
        ``store.unavailable``.
        """
        self.operator.require(*roles)
        return Engine.open(
            self.settings.store,
            keys=self.master_keys() if decrypt else MasterKeys.in_memory(),
            signing_key=self.settings.signing_file,
            operator=self.operator.name,
        )

    def initialise(self, jurisdictions: list[str] | None) -> Engine:
        """Create the store and its key files, adopt packaged policies, and open it."""
        return Engine.initialise(
            self.settings.store,
            keys=self.master_keys(),
            key_service=self.key_service,
            signing_key=self.settings.signing_file,
            jurisdictions=jurisdictions,
            operator=self.operator.name,
        )

    def master_keys(self) -> MasterKeys | Path:
        """Return the master keys of the environment or of a key service, or the file that holds them."""
        if self.settings.master_keys is not None:
            try:
                return MasterKeys.parse(self.settings.master_keys, self.key_service)
            except ValueError:
                raise invalid(
                    "PERMITS_MASTER_KEYS", "is not the content of a key file (permits keys new)"
                ) from None
        file, service = self.settings.key_file, self.key_service
        return file if service is None or not file.exists() else MasterKeys.load(file, service)

    @cached_property
    def key_service(self) -> HttpKeyService | None:
        """The key service, where the settings name one."""
        if self.settings.key_service is None:
            return None
        return HttpKeyService(self.settings.key_service, self.settings.key_service_token)
