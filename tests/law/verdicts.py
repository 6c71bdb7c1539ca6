"""What the documents answer to a command on a file of the peer, and what an accepted command does to it.

A verdict is the set of answers that the documents allow: ``ACCEPTED`` or codes of errors. Where there are
several the peer follows the engine, and holds it to everything that comes of it.
"""

from datetime import date, timedelta

from tests.law.counting import DAY, franc
from tests.law.peer import COMMUNIQUE, REFORM, REGULAR, ROADS, Appeal, Decision, Peer, only

ACCEPTED = ""
NO = "transition.not_allowed"
Verdict = frozenset[str]
SITS = (date(2014, 6, 26), date(2018, 3, 27))


def _any(*answers: str) -> Verdict:
    return frozenset(answers)


def _decidable(peer: Peer, on: date, *, renewal: bool) -> Verdict | None:
    """Why no decision on a request may be taken on a day; none where it may."""
    number = peer.latest(on)
    states = peer.application(on)
    if number is None or (number > 0) != renewal or states & {"granted", "refused", "returned"}:
        return only(NO)
    if on < last_decided(peer):
        return only(NO)
    if states & {"incomplete", "suspended"}:
        return _any(NO, ACCEPTED)
    return None


def last_decided(peer: Peer) -> date:
    """The day of the last decision by a person, the answers to appeals among them."""
    days = [d.on for d in peer.decisions] + [a.decided for a in peer.appeals if a.decided is not None]
    return max(days, default=date.min)


def overlaps(peer: Peer, on: date, start: date) -> bool:
    """Whether another title of the person, neither revoked, lost nor closed, is in force on a day from ``start``."""
    return any(o.runs_beyond(start - DAY, on) for o in peer.others)


def supply_documents(peer: Peer, on: date, documents: list[str]) -> Verdict:
    number = peer.latest(on)
    if number is None:
        return only(NO)
    state = peer.application(on)
    if state == only("incomplete"):
        if number != len(peer.requests) - 1 or not set(documents) <= peer.requests[number].missing:
            return _any(ACCEPTED, NO, "documents.not_listed", "input.invalid")
        return only(ACCEPTED)
    if state == only("suspended"):
        return only(ACCEPTED) if number == len(peer.requests) - 1 else _any(ACCEPTED, NO)
    request = peer.requests[number]
    if request.asked is not None and request.asked <= on and request.answered is None:
        return _any(
            ACCEPTED, NO
        )  # whether an answer after its time is still received the documents do not say
    return only(NO)


def request_documents(peer: Peer, on: date, documents: list[str]) -> Verdict:
    number = peer.latest(on)
    if number is not None and peer.application(on) == only("incomplete"):
        return _any(
            NO, "documents.not_listed"
        )  # golden vector G14b, and only a complete file is asked for more
    if number is None or not peer.application(on) & {"under_review", "suspended", "implicitly_refused"}:
        return only(NO)
    request = peer.requests[number]
    assert request.complete is not None
    originals = {"passport-original"} | request.missing
    if peer.application(on) != only("under_review") or request.reopened is not None or peer.campaign:
        return _any(NO, ACCEPTED, "documents.not_listed", "documents.second_request", "documents.too_late")
    if request.on < REFORM or (request.asked is not None and request.asked > on):
        return _any(ACCEPTED, "documents.not_listed", "documents.second_request", NO)
    if not set(documents) <= originals:
        return only("documents.not_listed")
    if request.asked is not None:
        return only("documents.second_request")
    return only("documents.too_late" if on > request.complete + timedelta(days=30) else ACCEPTED)


def issue_permit(peer: Peer, on: date) -> Verdict:
    refusal = _decidable(peer, on, renewal=False)
    if refusal == only(NO):
        return refusal
    if peer.campaign and not _advised(peer, on):
        return (refusal or frozenset()) - {ACCEPTED} | {"opinion.missing"}
    if overlaps(peer, on, on):
        return (refusal or frozenset()) - {ACCEPTED} | {"title.overlap"}
    return refusal or only(ACCEPTED)


def _advised(peer: Peer, on: date) -> bool:
    """Whether the latest of the local opinions and the upheld national appeals speaks for the applicant."""
    found = [(day, n, good) for n, (day, good) in enumerate(peer.opinions)]
    found += [
        (a.decided, len(found), True)
        for a in peer.appeals
        if a.body == "national_commission" and a.outcome == "upheld" and a.decided is not None
    ]
    past = [each for each in sorted(found) if each[0] <= on]
    return bool(past) and past[-1][2]


def refuse(peer: Peer, on: date, *, renewal: bool, blank: bool) -> Verdict:
    stop = _decidable(peer, on, renewal=renewal)
    if renewal and stop is None and (peer.revoked(on) or peer.lost(on)):
        stop = only(NO)
    if stop == only(NO) or not blank:
        return stop or only(ACCEPTED)
    return (stop or frozenset()) - {ACCEPTED} | {"decision.reasons_missing"}


def renew_permit(peer: Peer, on: date, term: str | None, exclusion: bool | None) -> Verdict:
    stop = _decidable(peer, on, renewal=True)
    if stop is None and (peer.revoked(on) or peer.lost(on)):
        stop = only(NO)
    if stop == only(NO):
        return stop
    last = peer.term(on)
    assert last is not None
    if overlaps(peer, on, last.end + DAY):
        return (stop or frozenset()) - {ACCEPTED} | {"title.overlap"}
    shorter = term == "P1Y" and peer.campaign and on >= COMMUNIQUE
    if not shorter or exclusion:
        return stop or only(ACCEPTED)
    return (stop or frozenset()) - {ACCEPTED} | {"exclusion.reasons_missing"}


def request_renewal(peer: Peer, on: date) -> Verdict:
    term, number = peer.term(on), peer.latest(on)
    if term is None or number is None or peer.revoked(on) or peer.lost(on):
        return only(NO)
    if on < max([peer.requests[-1].on, *(d.on for d in peer.decisions if d.kind == "grant")]):
        return only(
            NO
        )  # recorded late, behind what replaced or answered it; behind the law's renewal it counts
    state = peer.application(on)
    if state == only("returned"):
        return _any(NO, ACCEPTED, "window.closed")
    if state != only("granted"):
        return only(NO)
    if on < term.start:
        return _any(NO, ACCEPTED, "window.not_open")
    return only("window.closed" if on > peer.closes(term, on) else ACCEPTED)


def revoke_permit(peer: Peer, on: date, *, blank: bool) -> Verdict:
    state = peer.title(on)
    if state & {"none", "revoked", "lost_by_absence", "closed"}:
        return only(NO)
    if on < last_decided(peer):
        return only(NO)
    if state == only("active"):
        return only("decision.reasons_missing" if blank else ACCEPTED)
    return _any(NO, "decision.reasons_missing" if blank else ACCEPTED)


def to_notify(peer: Peer, on: date) -> Decision | Appeal | None:
    """The latest decision or express answer by a day that stands and has not been regularly notified."""
    found = [each for each in peer.rulings if _ruled_on(each) <= on and not each.told]
    standing = [each for each in found if isinstance(each, Appeal) or each.annulled is None]
    return max(enumerate(standing), key=lambda n: (_ruled_on(n[1]), n[0]))[1] if standing else None


def _ruled_on(each: Decision | Appeal) -> date:
    day = each.on if isinstance(each, Decision) else each.decided
    assert day is not None
    return day


def notify_decision(peer: Peer, on: date) -> Verdict:
    return only(NO) if to_notify(peer, on) is None else only(ACCEPTED)


def contested(peer: Peer, on: date) -> list[Decision]:
    """The decisions in force against the holder on a day."""
    number = peer.latest(on)
    found = [d for d in peer.decisions if d.on <= on and d.against()]
    return [d for d in found if d.kind == "revocation" or d.request == number]


def lodge_appeal(peer: Peer, on: date, body: str) -> Verdict:
    if any(ROADS[a.body] == ROADS[body] for a in peer.pending(on)):
        return only(NO)
    against, number = contested(peer, on), peer.latest(on)
    silent = number is not None and "implicitly_refused" in peer.application(on)
    later = [a for a in peer.appeals if a.on > on and ROADS[a.body] == ROADS[body]]
    if len(against) > 1 or (against and silent) or later:
        return _any(ACCEPTED, NO, "appeal.not_available", "appeal.out_of_time")
    if not against and not silent:
        return only("appeal.not_available")
    assert number is not None
    decision = against[0] if against else None
    if not _competent(peer, on, body, decision, number):
        return only("appeal.not_available")
    ruled = [a for a in peer.appeals if a.body == body and _same(a, decision, number)]
    outcomes = {answer[0] for a in ruled if (answer := peer.answered(a, on)) is not None}
    if "dismissed" in outcomes:
        return only("appeal.not_available")
    if ruled or (decision is None and peer.requests[number].reopened):
        return _any(ACCEPTED, "appeal.not_available", "appeal.out_of_time")
    return only("appeal.out_of_time" if _too_late(peer, on, body, decision, number) else ACCEPTED)


def _same(appeal: Appeal, decision: Decision | None, number: int) -> bool:
    """Whether an appeal is against that decision, or against the silence on that request."""
    return appeal.decision is decision and (decision is not None or appeal.request == number)


def _competent(peer: Peer, on: date, body: str, decision: Decision | None, number: int) -> bool:
    """Whether a body hears of such a decision at all, on the day."""
    if body == "national_commission":
        refused = decision is not None and decision.kind == "refusal" and decision.request == 0
        return refused and peer.campaign and SITS[0] <= on <= SITS[1]
    if body == "administrative_authority":  # law 55-19: requests, and not withdrawals
        revoked = decision is not None and decision.kind == "revocation"
        return not revoked and peer.requests[number].on >= REFORM
    return True


def _too_late(peer: Peer, on: date, body: str, decision: Decision | None, number: int) -> bool:
    """Whether the time to appeal is over: that of the decision, and for the tribunal that of a recourse's answer."""
    first = first_day(peer, on, body, decision, number)
    if first is None or on <= first:
        return False
    second = second_day(peer, on, first, decision, number) if body == "administrative_tribunal" else first
    return second is not None and on > second


def first_day(peer: Peer, on: date, body: str, decision: Decision | None, number: int) -> date | None:
    """The last day counted from the decision; none while no clock runs, or where the documents set no limit."""
    if body == "national_commission":
        return None
    if decision is None:
        due = peer.silence_after(number)
        assert due is not None
        start: date | None = due + DAY
    else:
        start = decision.told_by(on)
    days = {"administrative_authority": 30, "administrative_tribunal": 15 if decision else 60}.get(body, 60)
    return franc(start, days, peer.today) if start is not None else None


def second_day(peer: Peer, on: date, first: date, decision: Decision | None, number: int) -> date | None:
    """The tribunal's day after the first recourse lodged by its own; none while that waits, ``first`` without one."""
    for a in sorted(peer.appeals, key=lambda a: a.on):
        mine = _same(a, decision, number) and ROADS[a.body] == "administration"
        answer = peer.answered(a, on)
        if not mine or a.on > first or (answer is not None and answer[0] == "withdrawn"):
            continue
        told, silent = min((d for d in a.told if d <= on), default=None), peer.silent(a)
        days = [day for day in (told, silent) if day is not None and day <= on]
        return max(first, franc(min(days), 15 if decision else 60, peer.today)) if days else None
    return first


def open_bodies(peer: Peer, on: date) -> dict[str, tuple[date, date | None]] | None:
    """Each body that may still be seised, with the day to act by and the last one by any reading; none if unsure."""
    against, number = contested(peer, on), peer.latest(on)
    silent = number is not None and "implicitly_refused" in peer.application(on)
    if number is None or len(against) + silent > 1 or peer.requests[number].reopened or peer.closed:
        return None
    found: dict[str, tuple[date, date | None]] = {}
    decision = against[0] if against else None
    for body in ROADS if against or silent else ():
        first = first_day(peer, on, body, decision, number)
        if first is None or lodge_appeal(peer, on, body) != only(ACCEPTED):
            continue
        second = second_day(peer, on, first, decision, number) if body == "administrative_tribunal" else first
        due = first if on <= first or second is None else second
        found[body] = due, second
    return found


def answerable(peer: Peer, on: date) -> list[Appeal]:
    """The appeals that an express answer may still decide: those that wait, and those that silence rejected."""
    waiting = peer.pending(on)
    return waiting or [
        a for a in peer.appeals if a.on <= on and a.decided is None and _by_silence(peer, a, on)
    ]


def _by_silence(peer: Peer, appeal: Appeal, on: date) -> bool:
    answer = peer.answered(appeal, on)
    return answer is not None and answer[0] == "dismissed"


def record_exit(peer: Peer, on: date) -> Verdict:
    """A second exit proves a return between; the same one twice, or one within an absence, is none."""
    for left, came in peer.absences:
        if left == on or (came is not None and left < on < came):
            return only(NO)
    return only(ACCEPTED) if peer.title(on) == only("active") else _any(ACCEPTED, NO)


def record_return(peer: Peer, on: date) -> Verdict:
    out = any(came is None and left <= on for left, came in peer.absences)
    return only(ACCEPTED) if out else _any(ACCEPTED, NO)


# --- what accepted commands do ---


def decided(peer: Peer, kind: str, on: date, years: int = 0) -> None:
    """A decision on the latest request of its day, or on the title."""
    number = peer.latest(on)
    assert number is not None
    found = Decision(kind, on, number, years)
    peer.decisions.append(found)
    peer.rulings.append(found)


def renewed_years(peer: Peer, on: date, term: str | None) -> int:
    """One year, and three for the campaigns from 10 January 2017; the date of decision selects."""
    if term is not None:
        return int(term[1:-1])
    return 3 if peer.campaign and on >= COMMUNIQUE else 1


def told(peer: Peer, on: date, mode: str, proof: bool) -> None:
    """A regular notification; an irregular one starts nothing."""
    found = to_notify(peer, on)
    if found is not None and mode in REGULAR and proof:
        found.told.append(on)


def supplied(peer: Peer, on: date, documents: list[str]) -> None:
    number = peer.latest(on)
    assert number is not None
    request = peer.requests[number]
    if peer.application(on) == only("incomplete"):
        request.missing -= set(documents)
        if not request.missing:
            request.complete = on
    else:
        request.answered = on


def returned(peer: Peer, on: date) -> None:
    """The return from the latest absence that had begun and has none."""
    for n, (left, came) in reversed(list(enumerate(peer.absences))):
        if came is None and left <= on:
            peer.absences[n] = (left, on)
            return


def appealed(peer: Peer, on: date, body: str) -> None:
    against, number = contested(peer, on), peer.latest(on)
    assert number is not None
    peer.appeals.append(Appeal(body, on, against[-1] if against else None, number))


def ruled(peer: Peer, on: date, appeal: Appeal, outcome: str) -> None:
    """An express answer; an annulment gives back what the decision took."""
    appeal.outcome, appeal.decided = outcome, on
    peer.rulings.append(appeal)
    if outcome != "upheld":
        return
    if appeal.decision is None:
        peer.requests[appeal.request].reopened = on
        return
    appeal.decision.annulled = on
    if appeal.decision.kind != "revocation":
        peer.requests[appeal.decision.request].reopened = on
