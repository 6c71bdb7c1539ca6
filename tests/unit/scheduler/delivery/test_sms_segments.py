"""A text message is paid by segment: 160 or 153 characters of the GSM alphabet, 70 or 67 of UCS-2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.documents.letter_templates import KINDS, Templates
from permits_engine.scheduler.delivery.apprise import size_of
from tests.unit.documents.test_letter_templates import values


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("", "GSM-7", 1),
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("a" * 152 + "€" * 10, "GSM-7", 2),
        # The euro sign would be torn: it goes over, and with it the 153rd place of the first segment is lost.
        ("a" * 152 + "€" + "a" * 151, "GSM-7", 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3),
        ("é" * 160, "GSM-7", 1),
        ("ê" * 70, "UCS-2", 1),
        ("ê" * 71, "UCS-2", 2),
        ("ب" * 134, "UCS-2", 2),
        ("ب" * 135, "UCS-2", 3),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 36, "UCS-2", 2),
    ],
)
def test_the_size_is_that_of_the_standard(text: str, encoding: str, segments: int) -> None:
    """3GPP TS 23.038: two places for the extended alphabet and for characters beyond the basic plane."""
    assert size_of(text) == (encoding, segments)


@given(st.text(max_size=400), st.characters())
def test_a_longer_text_is_never_cheaper(text: str, more: str) -> None:
    """One character more takes at least as many segments."""
    assert size_of(text + more).segments >= size_of(text).segments


@pytest.mark.parametrize("jurisdiction", ["MA", "FR", "ES"])
def test_every_subject_fits_three_segments(jurisdiction: str) -> None:
    """What goes by text message is a letter's subject: in no language more than three segments."""
    templates = Templates(jurisdiction)
    for language in templates.languages:
        for kind in sorted(KINDS - {"office_alert", "office_digest"}):
            subject = templates.compose(kind, language, values()).subject
            assert size_of(subject).segments <= 3, (language, kind, subject)
