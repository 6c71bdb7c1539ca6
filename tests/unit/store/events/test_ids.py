"""Identities: in order, well formed, and the same again from the same name."""

from random import Random
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from permits_engine.store.events.ids import derived, uuid7

MOMENT = 1_394_442_000_000_000


@given(st.integers(0, 2**48 * 1000 - 1))
def test_a_minted_identity_tells_its_millisecond(now_us: int) -> None:
    """It is a UUID of version 7 in the RFC's variant, and its first 48 bits are the millisecond."""
    made = UUID(uuid7(now_us))
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == now_us // 1000


def test_identities_of_one_millisecond_ascend() -> None:
    """Ten thousand minted while the clock is stopped are all different and in order."""
    made = [uuid7(MOMENT) for _ in range(10_000)]
    assert made == sorted(set(made))


def test_identities_ascend_with_the_clock() -> None:
    """A later millisecond sorts after an earlier one, whatever the random bits."""
    made = [uuid7(MOMENT + 1000 * n) for n in range(1000)]
    assert made == sorted(set(made))


def test_the_same_randomness_gives_the_same_identities() -> None:
    """A simulation with a seed mints the same identities each time."""

    def run() -> list[str]:
        seeded = Random(2014).randbytes
        return [uuid7(MOMENT + 500 * n, seeded) for n in range(50)]

    assert run() == run()


def test_a_name_has_one_identity() -> None:
    """Derived identities never change between processes and releases."""
    assert derived("policy/MA") == derived("policy/MA") == "659c29ea-7470-5d01-b1b4-a227df9ea1b5"
    assert derived("policy/FR") != derived("policy/MA")
    assert UUID(derived("policy/MA")).version == 5


@given(st.text())
def test_a_derived_id_is_the_standards_own(name: str) -> None:
    """RFC 9562, version 5, as the standard library computes it."""
    assert derived(name) == str(uuid5(UUID("6f1a6c6e-6b4e-5d0b-9a55-2f6c1c0c7a3d"), name))
