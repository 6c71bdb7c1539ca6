"""What the documents answer to a command on a file of the peer, and what an accepted command does to it.

A verdict is the set of answers that the documents allow: ``ACCEPTED`` or codes of errors. Where there are
several the peer follows the engine, and holds it to everything that comes of it.
"""

from datetime import date, timedelta

from tests.law.counting import DAY, franc, months, term_end
from tests.law.peer import COMMUNIQUE, REFORM, REGULAR, Appeal, Decision, Peer, Term, only

ACCEPTED = ""
NO = "transition.not_allowed"
Verdict = frozenset[str]
SITS = (date(2014, 6, 26), date(2018, 3, 27))
AUTOMATIC = (date(2015, 2, 9), date(2017, 1, 9))


def _any(*answers: str) -> Verdict:
    return frozenset(answers)


def _decidable(peer: Peer, on: date, *, renewal: bool) -> Verdict | None:
    """Why no decision on a request may be taken on a day; none where it may."""
    number = peer.latest(on)
    states = peer.application(on)
    if number is None or (number > 0) != renewal or states & {"granted", "refused", "returned"}:
        return only(NO)
    if peer.decisions and on < max(d.on for d in peer.decisions):
        return only(NO)
    if states & {"incomplete", "suspended"}:
        return _any(NO, ACCEPTED)
    return None


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
    if not peer.campaign or _advised(peer, on):
        return refusal or only(ACCEPTED)
    return (refusal or frozenset()) - {ACCEPTED} | {"opinion.missing"}


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
    shorter = term == "P1Y" and peer.campaign and on >= COMMUNIQUE
    if not shorter or exclusion:
        return stop or only(ACCEPTED)
    return (stop or frozenset()) - {ACCEPTED} | {"exclusion.reasons_missing"}


def request_renewal(peer: Peer, on: date) -> Verdict:
    term, number = peer.term(on), peer.latest(on)
    if term is None or number is None or peer.revoked(on) or peer.lost(on):
        return only(NO)
    if on < max(peer.requests[-1].on, peer.terms[-1].on):
        return only(
            NO
        )  # recorded late, behind what replaced or answered it; behind another decision it holds
    state = peer.application(on)
    if state == only("returned"):
        return _any(NO, ACCEPTED, "window.closed")
    if state != only("granted"):
        return only(NO)
    if on < term.start:
        return _any(NO, ACCEPTED, "window.not_open")
    return only("window.closed" if on > peer.closes(term) else ACCEPTED)


def revoke_permit(peer: Peer, on: date, *, blank: bool) -> Verdict:
    state = peer.title(on)
    if state & {"none", "revoked", "lost_by_absence", "closed"}:
        return only(NO)
    if any(on < d.on and not d.by_law for d in peer.decisions):
        return only(NO)
    if state == only("active"):
        return only("decision.reasons_missing" if blank else ACCEPTED)
    return _any(NO, "decision.reasons_missing" if blank else ACCEPTED)


def to_notify(peer: Peer, on: date) -> Decision | None:
    """The latest decision by a day that has not been regularly notified."""
    found = [d for d in peer.decisions if d.on <= on and not d.told]
    return found[-1] if found else None


def notify_decision(peer: Peer, on: date) -> Verdict:
    decision = to_notify(peer, on)
    if decision is None:
        return only(NO)
    return only(ACCEPTED) if decision.annulled is None else _any(NO, ACCEPTED)


def contested(peer: Peer, on: date) -> list[Decision]:
    """The decisions in force against the holder on a day."""
    number = peer.latest(on)
    found = [d for d in peer.decisions if d.on <= on and d.against()]
    return [d for d in found if d.kind == "revocation" or d.request == number]


def lodge_appeal(peer: Peer, on: date, body: str) -> Verdict:
    if any(a.decided is None for a in peer.appeals) or peer.pending(on):
        return only(NO)
    against, number = contested(peer, on), peer.latest(on)
    silent = number is not None and "implicitly_refused" in peer.application(on)
    if len(against) > 1 or (against and silent):
        return _any(ACCEPTED, "appeal.not_available", "appeal.out_of_time")
    if not against and not silent:
        return only("appeal.not_available")
    decision = against[0] if against else None
    assert number is not None
    if body == "national_commission":
        campaign = decision is not None and decision.kind == "refusal" and decision.request == 0
        if not (campaign and peer.campaign and SITS[0] <= on <= SITS[1]):
            return only("appeal.not_available")
    ruled = [a for a in peer.appeals if a.body == body and a.decision is decision and a.request == number]
    if decision is None:
        if any(a.outcome == "dismissed" for a in ruled):
            return only("appeal.not_available")
        if ruled or peer.requests[number].reopened:
            return _any(ACCEPTED, "appeal.not_available", "appeal.out_of_time")
        due = peer.silence_after(number)
        assert due is not None
        last: date | None = franc(due + DAY, 60, peer.today)
    else:
        if any(a.outcome == "dismissed" for a in ruled):
            return only("appeal.not_available")
        if ruled:
            return _any(ACCEPTED, "appeal.not_available", "appeal.out_of_time")
        told = decision.told_by(on)
        last = None
        if told is not None and body != "national_commission":
            last = franc(told, 15 if body == "administrative_tribunal" else 60, peer.today)
    return only("appeal.out_of_time" if last is not None and on > last else ACCEPTED)


def decide_appeal(peer: Peer, on: date) -> Verdict:
    appeal = peer.pending(on)
    if appeal is None:
        return only(NO)
    return only(ACCEPTED) if on >= appeal.on else only(NO)


def record_exit(peer: Peer, on: date) -> Verdict:
    out = any(left <= on and (came is None or came > on) for left, came in peer.absences)
    return only(ACCEPTED) if not out and peer.title(on) == only("active") else _any(ACCEPTED, NO)


def record_return(peer: Peer, on: date) -> Verdict:
    out = peer.absences and peer.absences[-1][1] is None and peer.absences[-1][0] <= on
    return only(ACCEPTED) if out else _any(ACCEPTED, NO)


# --- what accepted commands do ---


def granted(peer: Peer, on: date, years: int) -> None:
    """A first card from the day of decision, or a renewed term from the day after the last one."""
    number = peer.latest(on)
    assert number is not None
    start = peer.terms[-1].end + DAY if peer.terms else on
    peer.terms.append(Term(len(peer.terms) + 1, start, term_end(start, years), on))
    peer.decisions.append(Decision("grant", on, number))


def renewed_years(peer: Peer, on: date, term: str | None) -> int:
    """One year, and three for the campaigns from 10 January 2017; the date of decision selects."""
    if term is not None:
        return int(term[1:-1])
    return 3 if peer.campaign and on >= COMMUNIQUE else 1


def told(peer: Peer, on: date, mode: str, proof: bool) -> None:
    """A regular notification; an irregular one starts nothing."""
    decision = to_notify(peer, on)
    if decision is not None and mode in REGULAR and proof:
        decision.told.append(on)


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
    if peer.absences and peer.absences[-1][1] is None:
        peer.absences[-1] = (peer.absences[-1][0], on)


def appealed(peer: Peer, on: date, body: str) -> None:
    against, number = contested(peer, on), peer.latest(on)
    assert number is not None
    peer.appeals.append(Appeal(body, on, against[-1] if against else None, number))


def ruled(peer: Peer, on: date, outcome: str) -> None:
    """A ruling; an annulment gives back what the decision took."""
    appeal = peer.pending(on)
    assert appeal is not None
    appeal.outcome, appeal.decided = outcome, on
    if outcome != "upheld":
        return
    if appeal.decision is None:
        peer.requests[appeal.request].reopened = on
        return
    appeal.decision.annulled = on
    if appeal.decision.kind == "revocation":
        peer.terms[-1].given_back = on
    else:
        peer.requests[appeal.decision.request].reopened = on


def scheduled(peer: Peer) -> None:
    """A pass on today: automatic renewals and receipts' extensions, until nothing is due."""
    today = peer.today
    while peer.terms and _automatic(peer, today):
        last = peer.terms[-1]
        start, number = last.end + DAY, peer.latest(today)
        peer.terms.append(Term(last.number + 1, start, term_end(start, 1), last.end))
        if number is not None and number > 0 and peer.answer_to(number, today) is None:
            grant = Decision("grant", last.end, number, by_law=True)
            grant.told.append(last.end)  # no decision: there is nothing to notify
            peer.decisions.append(grant)
    number = peer.latest(today)
    if number is None or peer.receipt(today) in (only(None),) or peer.closed or peer.lost(today):
        return
    request = peer.requests[number]
    while (end := request.receipts[-1][1]) - timedelta(days=7) <= today:
        request.receipts.append((min(today, end), months(end, 3)))


def _automatic(peer: Peer, today: date) -> bool:
    """Not beside a revocation or an appeal until they end in the holder's favour, nor behind a refusal in force."""
    last, number = peer.terms[-1], peer.latest(today)
    answer = peer.answer_to(number, today) if number is not None else None
    if answer is not None and answer.against():
        return False
    open_file = peer.closed is None and not peer.lost(today) and not peer.revoked(today)
    due = AUTOMATIC[0] <= last.end <= AUTOMATIC[1] and last.end <= today
    return peer.category == "regularisation-2014" and due and open_file and peer.pending(today) is None
