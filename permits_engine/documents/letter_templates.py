"""Letters in the holder's language, from a jurisdiction's ``notices`` files.

A file holds a subject and a body for each kind of letter, and words for codes. Templates run in Jinja's sandbox and
may use only ``VARIABLES``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Any, Literal, NamedTuple

from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from permits_engine.documents import template_policy
from permits_engine.documents.dates import day_in_words
from permits_engine.documents.language import choose_language, sanitised
from permits_engine.policies.yaml_reader import YamlError, documents

LARGEST = 200_000
"""Characters in the file of one language."""
KINDS = frozenset(
    {
        *("renewal_reminder", "title_lapsed", "receipt_extended", "documents_reminder", "decision_notified"),
        *("appeal_reminder", "deadline_moved", "majority_reminder", "office_alert", "office_digest"),
    }
)
_ABSENT: dict[str, object] = {
    **dict.fromkeys(("holder_name", "file_number", "card_number", "valid_until", "window_closes")),
    **dict.fromkeys(("receipt_until", "due_on", "sent_on", "days_left", "tier", "decision", "deadline")),
    **dict.fromkeys(("token", "office", "later")),
    **dict.fromkeys(("expedited", "favourable", "overdue"), False),
    **dict.fromkeys(("documents", "appeals", "tasks"), ()),
    "total": 0,
}
_ALWAYS = frozenset({"permit_id", "office_name", "authority"})
VARIABLES = frozenset(_ABSENT) | _ALWAYS
"""All variables of a template; permit, office and authority must be given, the others may be absent."""
LISTS = frozenset({"documents", "appeals", "tasks"})
"""The variables that a template may loop over."""
_NEEDED = {"decision_notified": "decision", "office_alert": "deadline", "deadline_moved": "deadline"}

# Separates subject and body, which render at once; no value can contain it.
_APART = "\x1f"


class NoticesError(ValueError):
    """A notices file that cannot be used, or values from which no letter can be composed."""


class Composed(NamedTuple):
    """The words of a letter, their direction (``ltr`` or ``rtl``) and their language."""

    subject: str
    text: str
    direction: str
    language: str


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Kind(_Model):
    subject: str = Field(min_length=1, max_length=2_000)
    body: str = Field(min_length=1, max_length=20_000)


class _Words(_Model):
    documents: dict[str, str] = Field(min_length=1)
    bodies: dict[str, str] = Field(min_length=1)
    decisions: dict[str, str] = Field(min_length=1)
    deadlines: dict[str, str] = Field(min_length=1)
    later: dict[str, str] = Field(min_length=1)
    tasks: dict[str, str] = Field(min_length=1)


class _File(_Model):
    language: str = Field(pattern=r"^[a-z]{2,3}$")
    default: bool = False
    direction: Literal["ltr", "rtl"]
    kinds: dict[str, _Kind]
    words: _Words


@dataclass(frozen=True, slots=True)
class _Letters:
    language: str
    direction: str
    kinds: dict[str, Template]
    words: _Words
    digest: str


class Templates:
    """The letters of one jurisdiction in all its languages, compiled once.

    They are the packaged ones of ``jurisdiction``, or ``texts``, which maps a name (for error messages) to the YAML of
    one language. Raises ``NoticesError``.
    """

    def __init__(self, jurisdiction: str, texts: Mapping[str, str] | None = None) -> None:
        self.jurisdiction = jurisdiction
        read = _packaged(jurisdiction) if texts is None else _compile_all(tuple(texts.items()))
        self.default, self._languages = read

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the letters, the default first."""
        return (self.default, *sorted(set(self._languages) - {self.default}))

    def language_for(self, wanted: str | None) -> str:
        """Return the language of a letter: the wanted one without its region, else the default."""
        return choose_language(wanted, self._languages, self.default)

    def version(self, language: str) -> str:
        """Return the version of a language's letters: jurisdiction, language and the file's digest."""
        return f"{self.jurisdiction}/{language}@{self._languages[language].digest}"

    def documents(self, language: str | None) -> dict[str, str]:
        """Return the names of documents by their codes, in a language or the default."""
        return self._languages[self.language_for(language)].words.documents

    def later(self, language: str | None, code: str | None) -> str | None:
        """Return the clause that a day may turn out later, in a language or the default; none without a reason."""
        words = self._languages[self.language_for(language)].words.later
        return None if code is None else _word(words, "later", code)

    def compose(self, kind: str, language: str | None, values: Mapping[str, object]) -> Composed:
        """Return the letter of a kind in a language, from raw dates and codes; raise ``NoticesError``.

        ``values`` holds some of ``VARIABLES``: dates as ``date``, documents as codes, appeals as mappings of
        ``body`` (a code), ``due_on`` and ``later`` (a code or none), decision, deadline and later as codes.
        """
        used = self.language_for(language)
        letters = self._languages[used]
        template = letters.kinds.get(kind)
        if template is None:
            raise NoticesError(f"there is no letter of the kind {kind!r}")
        needed = _NEEDED.get(kind)
        if needed is not None and not values.get(needed):
            raise NoticesError(f"a letter of the kind {kind} needs {needed}")
        ready = _ABSENT.copy()
        for name, value in values.items():
            ready[name] = _ready(name, value, letters)
        for name in _ALWAYS:
            # The digest of an office is about many permits.
            if not ready.get(name) and (name, kind) != ("permit_id", "office_digest"):
                raise NoticesError(f"a letter needs {name}")
        if len(ready) > len(VARIABLES):
            raise NoticesError(f"no letter speaks of {', '.join(sorted(set(ready) - VARIABLES))}")
        try:
            subject, _, text = template.render(ready).partition(_APART)
        except TemplateError as problem:
            raise NoticesError(f"{kind} in {used}: {problem}") from problem
        return Composed(" ".join(subject.split()), text, letters.direction, used)


def _ready(name: str, value: object, letters: _Letters) -> object:
    # The most frequent types come first: a batch composes tens of thousands of letters.
    if value is None or value is True or value is False:
        return value
    if name == "decision":
        return _word(letters.words.decisions, "decision", value)
    if name == "deadline":
        return _word(letters.words.deadlines, "deadline", value)
    if name == "later":
        return _word(letters.words.later, "later", value)
    if isinstance(value, str):
        return sanitised(value)
    if isinstance(value, date):
        return day_in_words(value, letters.language)
    if isinstance(value, int):
        return value
    if name == "documents" and isinstance(value, list | tuple):
        return [_document(letters.words.documents, code) for code in value]
    if name == "appeals" and isinstance(value, list | tuple):
        return [_appeal(each, letters) for each in value]
    if name == "tasks" and isinstance(value, list | tuple):
        return [_task(each, letters) for each in value]
    raise NoticesError(f"{name} cannot be a {type(value).__name__}")


def _word(words: dict[str, str], what: str, code: object) -> str:
    word = words.get(str(code))
    if word is None:
        raise NoticesError(f"there is no word for the {what} {code!r}")
    return word


def _document(words: dict[str, str], code: object) -> str:
    # A document that only a local list defines: its code made readable is better than no letter.
    return words.get(str(code)) or sanitised(str(code).replace("-", " "))


def _appeal(appeal: Mapping[str, Any], letters: _Letters) -> dict[str, str | None]:
    due_on = appeal["due_on"]
    body = _word(letters.words.bodies, "body", appeal["body"])
    code = appeal.get("later")
    return {
        "body": body,
        "due_on": None if due_on is None else day_in_words(due_on, letters.language),
        "later": None if code is None else _word(letters.words.later, "later", code),
    }


def _task(task: Mapping[str, Any], letters: _Letters) -> dict[str, object]:
    """Return one line of an office's digest: the task in words, and its day."""
    words = {**letters.words.deadlines, **letters.words.tasks}
    due_on, detail = task["due_on"], task["detail"]
    return {
        "word": _word(words, "task", task["what"]),
        "permit_id": sanitised(task["permit_id"]),
        "due_on": None if due_on is None else day_in_words(due_on, letters.language),
        "days": task["days"],
        "detail": None if detail is None else sanitised(detail),
    }


@lru_cache(maxsize=16)
def _packaged(jurisdiction: str) -> tuple[str, dict[str, _Letters]]:
    if not (len(jurisdiction) == 2 and jurisdiction.isascii() and jurisdiction.isalpha()):
        raise NoticesError(f"{jurisdiction!r} is not a jurisdiction")
    folder = resources.files("permits_engine") / "jurisdictions" / jurisdiction.lower() / "notices"
    if not folder.is_dir():
        raise NoticesError(f"{jurisdiction} has no letters")
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return _compile_all(tuple((f"{jurisdiction}/{f.name}", f.read_text(encoding="utf-8")) for f in found))


def _compile_all(texts: tuple[tuple[str, str], ...]) -> tuple[str, dict[str, _Letters]]:
    # Letters are plain text; the HTML part of a message escapes the whole text.
    env = SandboxedEnvironment(autoescape=False, undefined=StrictUndefined, keep_trailing_newline=True)
    languages: dict[str, _Letters] = {}
    defaults = []
    for name, text in texts:
        file = _read(name, text)
        if file.language in languages:
            raise NoticesError(f"{name}: {file.language} has two files")
        languages[file.language] = _compiled(env, name, file, text)
        if file.default:
            defaults.append(file.language)
    if len(defaults) != 1:
        names = ", ".join(name for name, _ in texts)
        raise NoticesError(f"{names}: one language must be the default, not {len(defaults)}")
    _same_words(languages, languages[defaults[0]])
    return defaults[0], languages


def _compiled(env: SandboxedEnvironment, name: str, file: _File, text: str) -> _Letters:
    missing, unknown = KINDS - set(file.kinds), set(file.kinds) - KINDS
    if missing or unknown:
        raise NoticesError(f"{name}: kinds missing {sorted(missing)}, unknown {sorted(unknown)}")
    kinds = {}
    for kind, letter in file.kinds.items():
        source = f"{letter.subject}{_APART}{letter.body}"
        try:
            parsed = env.parse(source)
            forbidden = template_policy.first_forbidden(parsed, LISTS)
            if forbidden is not None:
                raise NoticesError(f"{name}: {kind}: {forbidden} has no place in a letter")
            # Only after that check: these compute sums of constants, however large.
            unknown_names = meta.find_undeclared_variables(parsed) - VARIABLES
            kinds[kind] = env.from_string(source)
        except (TemplateError, RecursionError) as problem:
            raise NoticesError(f"{name}: {kind}: {str(problem)[:300]}") from problem
        if unknown_names:
            raise NoticesError(
                f"{name}: {kind} speaks of {', '.join(sorted(unknown_names))}, which no letter has"
            )
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return _Letters(file.language, file.direction, kinds, file.words, digest)


def _read(name: str, text: str) -> _File:
    if len(text) > LARGEST:
        raise NoticesError(f"{name} is larger than {LARGEST:,} characters")
    try:
        found = [plain for plain, _ in documents(text)]
        if len(found) != 1:
            raise NoticesError(f"{name} holds {len(found)} documents, and a language's letters are one")
        return _File.model_validate(found[0])
    except YamlError as problem:
        raise NoticesError(f"{name}: {str(problem)[:300]}") from problem
    except ValidationError as problem:
        faults = [
            f"{'.'.join(map(str, f['loc']))[:200]} {f['msg']}"
            for f in problem.errors(include_url=False, include_input=False)[:20]
        ]
        raise NoticesError(f"{name}: {'; '.join(faults)}") from None


def _same_words(languages: dict[str, _Letters], default: _Letters) -> None:
    expected = {kind: set(words) for kind, words in default.words.model_dump().items()}
    for language, letters in languages.items():
        for kind, words in letters.words.model_dump().items():
            if set(words) != expected[kind]:
                odd = sorted(set(words) ^ expected[kind])
                raise NoticesError(f"{language}: words.{kind} differ from the default language: {odd}")
