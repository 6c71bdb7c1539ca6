"""Papers that are made for the public, without a reader's name."""

from __future__ import annotations

from permits_engine.application.context import Context


class Documents:
    """The part of the façade for papers; those that name a holder are read through ``as_``."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def receipt_status(self) -> str:
        """Return the signed list of receipts that were superseded before their last day."""
        from permits_engine.documents import receipt_status_list

        context = self._context
        with context.database.read() as tx:
            today = context.today(context.policies.home_policy(tx))
        signer = context.signing.signer(context.origin)
        return receipt_status_list.make(context.database, context, signer, context.origin, today)
