"""The headings of a register's columns, as offices write them: "N° de dossier", "Prénom(s)", "Date of birth"."""

from __future__ import annotations

import re
from collections.abc import Mapping

from permits_engine.application.register.text import word

_NUMBER = re.compile(r"(?i)\bn\s*[°º]\s*|№\s*|\bn(?:um|o|br)\.\s*")
_PLURAL = re.compile(r"(?i)\(\s*e?[sx]\s*\)")
_ARTICLES = frozenset({"d", "de", "des", "du", "l", "la", "le", "les", "of", "the"})
_ALSO = {
    "file_number": ("dossier", "numero_file", "reference_dossier"),
    "family_name": ("nom_famille", "surname", "last_name"),
    "given_names": ("first_name", "forename"),
    "birth_date": ("date_birth", "ne_le", "nee_le", "ne_e_le"),
    "sex": ("genre", "gender"),
    "prefecture": ("prefecture_province",),
    "lodged_on": ("date_demande", "date_filing", "filing_date", "depose_le"),
    "decided_on": ("decision_date",),
    "valid_from": ("debut_validite", "date_debut_validite", "valable_du"),
    "valid_until": ("fin_validite", "date_fin_validite", "valable_jusqu_au", "date_expiration"),
    "email": ("e_mail", "mail", "courriel", "adresse_electronique"),
    "phone": ("tel", "telephone_number", "phone_number", "gsm", "numero_telephone"),
}
"""Other headings of a field, where its own names do not occur."""


class Headings:
    """Finds the field that a heading names; ``names`` has the French name of each field."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._own = {word(name): field for field, french in names.items() for name in (field, french)}
        self._close = {_plain(name): field for name, field in self._own.items()}
        others = {_plain(name): field for field in names for name in _ALSO.get(field, ())}
        self._close = others | self._close

    def field(self, heading: str) -> str | None:
        """Return the field of a heading, by its own name or by one close to it."""
        return self.own_field(heading) or self._close.get(_plain(heading))

    def own_field(self, heading: str) -> str | None:
        """Return the field whose own name a heading is, but for accents, case and punctuation."""
        return self._own.get(word(heading))


def _plain(heading: str) -> str:
    """Return a heading without articles and plurals, its "N°" written out."""
    text = word(_PLURAL.sub("", _NUMBER.sub("numero ", heading)))
    return "_".join(part.removesuffix("s") for part in text.split("_") if part not in _ARTICLES)
