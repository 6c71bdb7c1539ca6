"""What must hold of every step, each with the article that asks for it."""

from datetime import date

from permits_engine.domain.decisions.case import Draft
from permits_engine.domain.decisions.time_effects import next_effect
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.state import Decision
from permits_engine.domain.permit.view import View, view
from tests.model.invariants import Violated, looked_at
from tests.model.world import DAY, PERMIT, Act, State


def of_step(before: State, act: Act, drafts: list[Draft], now: State) -> None:
    """Raise where an accepted command breaks an invariant."""
    fields = dict(act.fields)
    name = act.command or ""
    if act.second:  # the steps of a single file are walked from the other roots
        return
    if str(fields.get("reasons_in_law", "x")).strip() == "":
        raise Violated(
            "no decision against the holder without reasons",
            "law 03-01 articles 1 and 2",
            f"{name} was accepted with blank reasons",
        )
    for draft in drafts:
        if (
            draft.kind.NAME
            in {"permit.issued", "permit.renewed", "permit.revoked", "permit.implicitly_granted"}
            and not draft.rules
        ):
            raise Violated("every decision carries its legal basis", "law 03-01 article 1", draft.kind.NAME)
    closed = before.permit.closed
    if (
        closed is not None
        and act.on >= closed[0]
        and name not in {"notify_decision", "correct_record", "record_fact", "lift_entry_ban"}
        and drafts
    ):
        raise Violated(
            "a closed permit stays closed", "policy decisions", f"{name} was accepted after the closure"
        )
    if name in {"issue_permit", "renew_permit"} and act.on == now.today and now.now.lost_on is None:
        shown = view(now.now)
        if not shown.lawful_stay:
            raise Violated("nobody loses days to a late decision", "policy decisions", f"{name}: no stay")
    if name == "run_clock":
        _pass(before, drafts, now)
    if name == "decide_appeal" and fields["outcome"] == "upheld" and fields.get("against") != "removal":
        _given_back(before, act, now)


def _pass(before: State, drafts: list[Draft], now: State) -> None:
    today = now.today
    s = now.now
    again = next_effect(s)
    if again is not None:
        raise Violated("a pass leaves nothing due", "architecture: level-triggered", again.kind.NAME)
    names = {draft.kind.NAME for draft in drafts}
    for draft in drafts:
        if draft.effective_on > today:
            raise Violated(
                "a time effect is not dated ahead",
                "policy decisions",
                f"{draft.kind.NAME} on {draft.effective_on}",
            )
    if "permit.renewed" in names:
        last = next(draft for draft in drafts if draft.kind.NAME == "permit.renewed")
        if before.permit.category != "regularisation-2014" or last.effective_on > date(2017, 1, 9):
            raise Violated(
                "automatic renewal only where the law gives it",
                "communiqués of 9 February 2015 and 10 January 2017",
                str(last.effective_on),
            )
        return
    receipt = s.receipt
    if (
        before.jurisdiction == "MA"
        and s.pending
        and receipt is not None
        and receipt.until < today
        and s.title_status != "closed"
    ):
        raise Violated(
            "a receipt does not lapse while the file is open",
            "decree 2-09-607 article 5",
            f"it ended on {receipt.until}",
        )
    if names & {"permit.implicitly_granted"}:
        days = [draft.effective_on for draft in drafts if draft.kind.NAME == "permit.implicitly_granted"]
        taken = [s for s in map(before.at, days) if s.revocation is not None or s.lost_on is not None]
        if taken:
            raise Violated(
                "silence renews no title that was taken",
                "law 02-03 articles 19 and 20",
                "it granted a renewal",
            )
        return
    for day in looked_at(before):
        was, shows = view(before.at(day)), view(now.at(day))
        if (was.title_status, was.application_status) != (shows.title_status, shows.application_status):
            raise Violated(
                "a pass records what the dates said already",
                "policy decisions: status is a function of the date",
                f"{day}: {was.title_status}, {was.application_status} became "
                f"{shows.title_status}, {shows.application_status}",
            )
        if was.lawful_stay and not shows.lawful_stay:
            raise Violated("a pass takes no day of lawful stay", "law 09-08 article 11", str(day))


def _given_back(before: State, act: Act, now: State) -> None:
    """Compare with the same file on which the annulled decision was never taken."""
    p, today = now.permit, now.today
    shown, closed = view(now.at(today)), p.closed is not None
    for decision in p.decisions:
        if decision.annulled_on != act.on or _replaced(now, decision):
            continue  # what else was decided on the request holds, as before
        request = p.request(decision.request)
        late = request is not None and not now.now.is_timely(
            request
        )  # it gave no standing before either (France)
        for day in (decision.on, decision.on + DAY, before.today):
            if decision.on <= day <= today and not (view(now.at(day)).lawful_stay or closed or late):
                raise Violated("an annulment works back", "law 02-03 article 20, policy decisions", str(day))
        if decision.kind == "revoked":
            _whole(before, now, decision, shown)
        elif shown.application_status not in _REOPENED:
            found = shown.application_status
            raise Violated("an annulled refusal leaves the request open", "policy decisions: upheld", found)


_REOPENED = {"under_review", "suspended", "incomplete", "implicitly_refused", "implicitly_granted", "granted"}


def _whole(before: State, now: State, revocation: Decision, shown: View) -> None:
    """Reinstated means whole: as if the revocation had never been, unless something else changed the title."""
    without = tuple((v, x) for v, x in before.history if v < revocation.version)
    file = fold(PERMIT, without)
    assert file is not None
    old = view(State(file, now.today, now.jurisdiction, without).now)
    if len(file.terms) != len(now.permit.terms) or now.now.lost_on is not None:
        return  # a term was granted by law meanwhile, or an absence has ended the title
    one = (old.valid_from, old.valid_until, old.term_number, old.title_status == "active")
    other = (shown.valid_from, shown.valid_until, shown.term_number, shown.title_status == "active")
    if one != other:
        raise Violated("reinstated means whole", "law 02-03 article 20", f"{one} became {other}")


def _replaced(state: State, decision: Decision) -> bool:
    """Whether another decision on the same request holds: a later one, or what silence has granted (Spain)."""
    others = (d for d in state.permit.decisions if d.version != decision.version and d.annulled_on is None)
    return decision.request is not None and any(d.request == decision.request for d in others)
