"""The public keys under which a signature is checked: as named, or this machine's own."""

from __future__ import annotations

from typing import Annotated

from permits_engine.cli.options import option
from permits_engine.domain.errors import invalid
from permits_engine.store.log.signed_note import Verifier
from permits_engine.store.log.signing_keys import SigningKeys, verifiers_of

Keys = Annotated[
    list[str] | None, option("--key", "VKEY|FILE", "The public key [that of the signing key file].")
]


def named_keys(given: list[str] | None) -> list[Verifier] | None:
    """Return the public keys that were named, if any."""
    return [found for each in given for found in verifiers_of(each)] if given else None


def public_keys(given: list[str] | None) -> list[Verifier]:
    """Return the public keys that were named, else those of this machine's own signing key file."""
    named = named_keys(given)
    if named is not None:
        return named
    from permits_engine.cli.session import Session  # loads the engine, which a named key does not need

    keys = SigningKeys(Session().settings.signing_file).verifiers()
    if not keys:
        raise invalid("--key", "give the public key: what permits checkpoint --key prints, or a file of it")
    return keys
