"""Phrases: what the rules say in words, as an id with named values, which reads as English until translated.

The domain joins no words: it names a phrase and the days, periods, counts and names in it. The English texts are in the
table below; other languages are data outside the domain, with a text for every id and the same values in each.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import cache
from string import Formatter
from typing import Any, Self

Write = Callable[[Any, str], str]
"""Writes a value in a language; the second argument is the format after the colon in the braces."""


class Phrase(str):
    """A text in English that keeps its id and values, so that it can be translated; ``str(phrase)`` is plain."""

    __slots__ = ("id", "values")

    id: str
    values: Mapping[str, Any]

    def __new__(cls, id: str, /, **values: Any) -> Self:
        found = super().__new__(cls, filled(ENGLISH[id], values, _english))
        found.id, found.values = id, values
        return found

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.id,), dict(self.values)


def together(lines: Iterable[str]) -> Phrase:
    """Return several lines as one text."""
    return Phrase("together", parts=tuple(lines))


def filled(template: str, values: Mapping[str, Any], write: Write) -> str:
    """Return a text with its braces filled; raise ``KeyError`` for a name that the phrase lacks."""
    return "".join(
        text if name is None else f"{text}{write(values[name], spec)}"
        for text, name, spec in _parsed(template)
    )


def names(template: str) -> frozenset[str]:
    """Return the names of the values in a text."""
    return frozenset(name for _, name, _ in _parsed(template) if name is not None)


@cache
def _parsed(template: str) -> tuple[tuple[str, str | None, str], ...]:
    return tuple((text, name, spec or "") for text, name, spec, _ in Formatter().parse(template))


def _english(value: Any, spec: str) -> str:
    if isinstance(value, date):
        if spec == "iso":
            return value.isoformat()
        named = not spec and not isinstance(value, datetime)
        return f"{value.day} {value:%B} {value.year}" if named else f"{value:{spec}}"
    if isinstance(value, tuple):
        return ", ".join(value).replace("_", " ") if spec == "plain" else spec.join(value)
    if value is None:
        return "no day"
    in_words = getattr(value, "in_words", None)
    return str(value) if in_words is None else str(in_words())


ENGLISH: dict[str, str] = {
    "together": "{parts:; }",
    # How a day was counted.
    "delay": "{start}; {count}",
    "delay.filed": "filed {start}; {count}",
    "delay.filed_incomplete": "filed incomplete {start}; {count}",
    "delay.file_complete": "file complete {start}; {count}",
    "delay.asked": "asked {start}; {count}",
    "delay.notified": "notified {start}; {count}",
    "delay.lodged": "lodged {start}; {count}",
    "delay.silence": "silence became a refusal {start}; {count}",
    "clear": "first and last day excluded: {day}",
    "last": "to {day}",
    "suspended": "suspended for {length}: {day}",
    "start": "{day}",
    "start.file_complete": "file complete {day}",
    "extended": "extended on {on} to {until}",
    "working_day": "{day} is a working day",
    "year_unknown": "{day} is the first day that is no weekend or fixed holiday; the feasts of that year are not known",
    "may_move": "until days off are certain, from {earliest} to {latest}",
    "weekend": "{day} is a {day:%A}: the next day",
    "feast": "{day} is {day:%A}, {feast}: the next day",
    "feast.estimated": "{day} is {day:%A}, {feast} (estimated): the next day",
    "hours": "notified {told:%d %B %Y %H:%M} ({told:%z}); {length} by the clock: {ends:%d %B %Y %H:%M} ({ends:%z})",
    # What a day is counted from, and by which rule.
    "term": "term {number} runs from {since} to {until}, inclusive",
    "term.ends": "the term ends on {day}",
    "term.blanket": "titles that ended from {low} to {high} count until {until} ({source}, {rank})",
    "window.before": "{length} before: {day}",
    "window.after": "{length} after: {day}",
    "window.given_back": "the title was given back on {day}",
    "window.granted": "the term was granted on {day}",
    "receipt": "receipt of {on} valid until {until}, inclusive",
    "majority": "of age on {day}; the holder can apply for their own card until {until}",
    "absence": "the day before the absence ends the title: {day}",
    "recourse": "the recourse of {on} gives a new period from its rejection; a court may read the law otherwise",
    "source": "{source} ({rank})",
    # Whether a decision passes the quality checks, and why.
    "competent": "{role} of {office} on {on:iso}",
    "competent.everywhere": "{role} of the country on {on:iso}",
    "competence.role": "the role {role} may not {command}; this is for: {roles: or }",
    "competence.no_role": "the role {role} may not {command}; no role may",
    "competence.office": "the file is with {office}, the actor belongs to {own}; "
    "let {office} do it, or transfer the file first",
    "competence.no_office": "the file is with {office}, the actor belongs to no office; "
    "let {office} do it, or transfer the file first",
    "mandate.missing": "the {role} of {office} had no mandate on {on:iso}; "
    "give a day on which it sat, or adopt the policy that contains its mandate",
    "mandate.missing.everywhere": "the {role} of the country had no mandate on {on:iso}; "
    "give a day on which it sat, or adopt the policy that contains its mandate",
    "delegation.lacking": "{actor} held no delegation to {command} as {role} of {office} on {on:iso}; "
    "let a person who holds one do it, or adopt the policy that contains it",
    "delegation.lacking.no_office": "{actor} held no delegation to {command} as {role} of no office on {on:iso}; "
    "let a person who holds one do it, or adopt the policy that contains it",
    "delegation.unasked": "the rules ask for no delegation by name",
    "delegation.missing": "{actor} held no delegation on {on:iso}",
    "delegation.held": "{reference} ({source})",
    "written.card": "the card is the decision",
    "written.recorded": "its reasons are recorded",
    "written.missing": "no reasons are recorded",
    "reasons.needless": "a grant needs no reasons",
    "reasons.missing": "none are recorded: a decision without its reasons is unlawful (law 03-01, articles 1 and 2)",
    "reasons.recorded": "recorded",
    "reasons.encrypted": "recorded, encrypted under the holder's key",
    "basis.ground": "ground {ground}",
    "basis.weak": "it rests on no norm above a convention: {sources:, }",
    "basis.none": "it rests on no norm above a convention: no rule",
    "basis.encrypted": "the article is in its reasons in law, which are encrypted",
    "basis.named": "its reasons in law name a text",
    "basis.unnamed": "its reasons in law name no article of any text",
    "documents.unasked": "nothing was asked for after filing",
    "documents.no_list": "no list of documents was in force",
    "documents.unlisted": "asked for what is not on the published list: {documents:, }",
    "documents.listed": "only what is on the published list was asked for",
    "notified.at": "notified at {at:iso}",
    "notified.missing": "no notification is recorded",
    "notified.irregular": "notified without the form or the proof that the rules ask for: no period has started",
    "notified.regular": "regularly notified on {on:iso}",
    "notified.annulled": "annulled on {on:iso} before any notification",
    "notified.never": "never notified: it has no effect on the stay",
    "routes.needless": "nothing to appeal against",
    "routes.unknown": "the text of the letter is not in the store",
    "routes.unsent": "the message that states them is not known to have gone out",
    "routes.stated": "the message about it names each body and its last day",
    "language.unknown": "the language of the message is not in the store",
    "language.holders": "the message about it is in the holder's language ({language})",
    "human.law": "an effect of law that was recorded, and no decision (law 09-08, article 11)",
    "human.program": "decided by a program (law 09-08, article 11)",
    "human.person": "decided by {actor}",
    "protection.needless": "no removal was ordered",
    "protection.skipped": "ordered before these were examined: {facts:, }",
    "protection.checked": "every protection had been examined",
    # What a decision departs from.
    "departs.relaxation": "departs from what was relaxed for {criteria:plain}: {norm}",
    "departs.right": "departs from the law: {norm} gives this title as of right, except for a threat to public order",
    "departs.age": "departs from the law: {norm} gives this title from the age of {age}",
    "departs.order": "departs from the order of titles: {norm}; beside a title in force it follows {kinds:, }",
    "departs.law": "departs from the law: {norm} gives {value}",
    "departs.ground": "{ground}",
}
"""Every phrase in English."""
