"""What the documents say of orders to leave: the closed list, whom a title or receipt protects, what ends an order."""

from dataclasses import dataclass
from datetime import date, timedelta

from tests.law.peer import OPEN, Peer, only
from tests.law.verdicts import ACCEPTED, NO, Verdict

EXPELS = {"grave-threat", "state-security", "morals"}
LISTED = EXPELS | {"after-refusal", "after-expiry"}
LIFTS = {"state-security"}


@dataclass
class Order:
    """An order to leave, notified on its day at half past midnight UTC."""

    on: date
    ground: str
    carried: date | None = None

    def ended(self, peer: Peer, day: date) -> bool:
        """Whether a card of any file of the person has begun since."""
        terms = [t for each in (peer, *peer.others) for t in each.life(day)[0]]
        return any(self.on < max(t.start, t.on) <= day for t in terms)

    def holds(self, peer: Peer, day: date) -> bool:
        """Whether it is in force on a day."""
        return self.on <= day and (self.carried is None or self.carried > day) and not self.ended(peer, day)


def order_removal(peer: Peer, on: date, ground: str, orders: list[Order]) -> Verdict:
    if ground not in LISTED:
        return only("input.invalid")
    if any(each.holds(peer, on) for each in orders):
        return only(NO)
    barred = protected(peer, on, ground)
    if barred == only(True):
        return only("removal.protected")
    answer = "input.invalid" if ground == "morals" else ACCEPTED  # no conviction is on record
    return only(answer) if barred == only(False) else frozenset({"removal.protected", answer})


def carry_out_removal(peer: Peer, on: date, orders: list[Order]) -> Verdict:
    last = orders[-1] if orders else None
    if last is not None and last.carried is None and last.ended(peer, on):
        return only("removal.protected")
    if last is None or not last.holds(peer, on):
        return only(NO)
    barred = protected(peer, on, last.ground)
    hours = last.ground not in EXPELS and on < last.on + timedelta(days=2)
    if hours or barred == only(True):
        return only("removal.protected")
    return only(ACCEPTED) if barred == only(False) else frozenset({"removal.protected", ACCEPTED})


def protected(peer: Peer, on: date, ground: str) -> frozenset[bool]:
    """Whether the person may stay by any file, or for an expulsion has a title or a receipt that nothing lifts."""
    if ground not in EXPELS:
        return peer.lawful(on)
    if ground in LIFTS:
        return only(False)
    found = [each.shields(on) for each in (peer, *peer.others)]
    return only(True) if only(True) in found else OPEN if OPEN in found else only(False)


def removal_status(peer: Peer, on: date, orders: list[Order]) -> frozenset[str]:
    """A receipt or a pending request of any file suspends the order, and a card ends it."""
    last = next((each for each in reversed(orders) if each.on <= on), None)
    if last is None:
        return only("none")
    if last.carried is not None and last.carried <= on:
        return only("carried_out")
    if last.ended(peer, on):
        return only("annulled")
    shown = [each.receipt(on) for each in (peer, *peer.others)]
    if (
        last.ground in LIFTS
        or OPEN in shown
        or any(each.title(on) == only("active") for each in (peer, *peer.others))
    ):
        return frozenset({"ordered", "suspended"})
    return only("suspended" if any(each != only(None) for each in shown) else "ordered")
