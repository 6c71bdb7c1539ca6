"""What the demo prints: what happened beside the published totals, the cliff, what to try next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from permits_engine.demo.people import DISMISSED, REGULARISED


def tell(engine: Any, account: dict[str, Any], folder: Path) -> list[str]:
    """The account in lines for a person; a copy of it stays in the folder."""
    lines = _lines(engine, account, folder)
    (folder / "account.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lines


def _lines(engine: Any, account: dict[str, Any], folder: Path) -> list[str]:
    tally, share = account["tally"], account["applications"] / account["published"]
    granted = sum(r["applications"] for r in engine.results(("outcome",)) if r["outcome"] == "granted")
    lines = [
        f"The operation of 2014 at {account['scale']:g} of its published size, seed {account['seed']}.",
        "",
        f"{'':34}{'here':>9}{'published':>11}{'of which here':>15}",
    ]
    rows = [
        ("applications", account["applications"], account["published"]),
        ("cards given", granted, REGULARISED),
        ("appeals dismissed", _outcome(engine, "dismissed"), DISMISSED),
    ]
    for name, here, published in rows:
        lines.append(f"{name:34}{here:>9,}{published:>11,}{published * share:>15,.0f}")
    lines += ["", "By nationality (applications, cards):"]
    lines += _by(engine, "nationality", 8)
    lines += ["", "By office (applications, cards):"]
    lines += _by(engine, "prefecture", 6)
    lines += ["", "What the clock and the offices did:"]
    for name in (
        "permit.issued",
        "permit.receipt_extended",
        "permit.renewed",
        "permit.renewal_requested",
        "permit.lapsed",
        "notice.sent",
    ):
        lines.append(f"  {name:32}{tally.get(name, 0):>9,}")
    lines += ["", "The renewal cliff, requests by week:"]
    lines += _cliff(account["renewals_by_week"])
    lines += ["", _speed(account), *_next(engine, folder)]
    return lines


def _outcome(engine: Any, status: str) -> int:
    with engine.database.read() as unit:
        from sqlalchemy import func, select

        from permits_engine.store.database import Statement
        from permits_engine.store.schema import permits

        query = select(func.count()).where(permits.c.appeal_status == status)
        return int(unit.all(Statement(query), {})[0][0])


def _by(engine: Any, group: str, most: int) -> list[str]:
    counts: dict[str, list[int]] = {}
    for row in engine.results((group, "outcome")):
        both = counts.setdefault(row[group], [0, 0])
        both[0] += row["applications"]
        both[1] += row["applications"] if row["outcome"] == "granted" else 0
    ranked = sorted(counts.items(), key=lambda each: -each[1][0])
    return [f"  {name:12}{filed:>8,}{cards:>8,}" for name, (filed, cards) in ranked[:most]]


def _cliff(weeks: dict[str, int]) -> list[str]:
    most = max(weeks.values(), default=0)
    return [
        f"  {week}  {count:>6,}  {'█' * max(1, round(40 * count / most))}" for week, count in weeks.items()
    ]


def _speed(account: dict[str, Any]) -> str:
    tally, seconds = account["tally"], max(account["seconds"], 0.1)
    events = account["events"] if "events" in account else tally.get("events", 0)
    return (
        f"{tally.get('commands', 0):,} commands and {events:,} permit and holder events in {seconds:.1f} s "
        f"({tally.get('commands', 0) / seconds:,.0f} commands/s), peak memory {account['peak_mb']} MB."
    )


def _next(engine: Any, folder: Path) -> list[str]:
    store = f"sqlite:///{folder / 'permits.db'}"
    renewed = engine.find(status="active", limit=1)
    lapsed = engine.find(status="expired", limit=1)
    lines = [
        "",
        "Try next:",
        f"  export PERMITS_STORE={store}",
        "  permits status",
        "  permits results --by sex,outcome",
    ]
    if renewed:
        permit_id = renewed[0]["permit_id"]
        lines += [
            f"  permits show {permit_id} --as-of 2016-01-01",
            f"  permits history {permit_id}",
            f"  permits explain {permit_id}",
        ]
    if lapsed:
        lines.append(f"  permits show {lapsed[0]['permit_id']}     # this one lapsed")
    lines += ["  permits rebuild --check", f"  ls {folder / 'mail'} | head"]
    return lines
