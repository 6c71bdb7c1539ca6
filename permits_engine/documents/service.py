"""The façade's part for papers: attestations, receipts, disclosures, and the list of superseded receipts."""

from __future__ import annotations

from datetime import date

from permits_engine.application.access import Access
from permits_engine.application.context import Context
from permits_engine.application.queries.disclosure import Disclosure, disclosure
from permits_engine.documents import receipt_status_list
from permits_engine.documents.attestation import Attestation, attest
from permits_engine.documents.receipt import Paper, issue


class Documents:
    """Papers that name no holder; the others are read through ``as_``."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def receipt_status(self) -> str:
        """Return the signed list of receipts that were superseded before their last day."""
        context = self._context
        with context.database.read() as tx:
            today = context.home_today(tx)
        signer = context.signing.signer(context.origin)
        return receipt_status_list.make(context, signer, context.origin, today)


class ReaderDocuments:
    """Papers that name the holder; each look is noted before the paper is given."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._context = access.context

    def attestation(
        self, permit_id: str, *, on: date | None = None, language: str | None = None, form: str = "text"
    ) -> Attestation:
        """Return a printable attestation of what the permit opens on a day, in the holder's language or another.

        ``form`` is text or html.
        """
        with self._context.database.read() as tx:
            file = self._access.file(tx, permit_id, person=True)
            paper = attest(file, on=on, language=language, form=form)
        self._access.note([file.lodged.holder_id])
        return paper

    def receipt(self, permit_id: str) -> Paper:
        """Return the holder's receipt of the latest filing with its signed proof; raise ``holder.erased``.

        Nothing of it is kept: the same file gives the same proof on the same day.
        """
        origin = self._context.origin
        with self._context.database.read() as tx:
            file = self._access.file(tx, permit_id)
            holder_id = file.lodged.holder_id
            if not self._access.sees_person(file):
                self._access.require_person(tx, holder_id)
            paper = issue(file, origin, self._context.signing.signer(origin).signature)
        self._access.note([holder_id])
        return paper

    def disclosure(self, holder_id: str) -> Disclosure:
        """Return all that is held about a person, who looked at it (this reader too), and how long it is kept."""
        self._access.person(holder_id)
        with self._context.database.read() as tx:
            return disclosure(self._context, tx, holder_id)
