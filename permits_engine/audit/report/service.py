"""The annual account of an open store: counted, and written as one page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from permits_engine.application.adopted_policies import AdoptedPolicies
from permits_engine.application.context import Context
from permits_engine.store.database.transactions import Database
from permits_engine.store.events import history

if TYPE_CHECKING:
    from permits_engine.audit.report.tallies import Account


class Accounts:
    """The part of the façade that adds up."""

    database: Database
    adopted: AdoptedPolicies
    context: Context

    def account(
        self, *, year: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Account:
        """What became of applications and titles in a year, or in the whole history, and which limits were kept.

        Sums only: nobody is named. In a simulated store today is the day of the last event.
        """
        from permits_engine.audit.report.count import account

        return account(self.database, self.adopted, self.context.today, year=year, progress=progress)

    def report(
        self,
        out: str | Path,
        *,
        year: int | None = None,
        language: str = "en",
        force: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Account:
        """Write the annual account as one HTML page (``en``, ``fr`` or ``ar``) that needs no network and no script.

        Raises ``input.invalid`` for an unknown language, or where ``out`` is there already and ``force`` is not
        given.
        """
        from permits_engine.audit.exports import output_files
        from permits_engine.audit.report.page import html
        from permits_engine.audit.report.wording import Speech

        target, speech = Path(out), Speech(language)
        output_files.may_replace(target, force=force, folder=False)
        found = self.account(year=year, progress=progress)
        with self.database.read() as tx:
            simulated = history.head(tx).simulated
            policies = [self.adopted.current(tx, code) for code, *_ in self.adopted.all(tx)]
        names = {code: office.names for policy in policies for code, office in policy.offices.items()}
        with output_files.whole_file(target, force=force) as part:
            part.write_text(html(found, speech, names, simulated=simulated), encoding="utf-8")
        return found
