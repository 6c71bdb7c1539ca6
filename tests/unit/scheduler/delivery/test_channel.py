"""The counter and the sink accept every letter; errors can be copied."""

import copy

from permits_engine.scheduler.delivery.channel import Channel, CounterChannel, DeliveryError, Evidence
from permits_engine.scheduler.delivery.memory import SinkChannel
from tests.letters import a_letter

LETTER = a_letter(to_name=None, to_address=None, text="Bonjour,\n")


def test_the_counter_takes_letters_without_address() -> None:
    """A letter to someone without an address waits at the counter of its office, and that is evidence."""
    channel: Channel = CounterChannel()
    evidence = channel.send(LETTER)
    assert evidence == Evidence("counter", None, "waits at the counter of MA-RAB")
    assert channel.send_many([LETTER, LETTER]) == [evidence, evidence]
    channel.close()


def test_the_sink_keeps_letters_in_order() -> None:
    """The sink accepts everything and shows it afterwards in the order of sending."""
    sink = SinkChannel()
    channel: Channel = sink
    channel.send(LETTER)
    assert channel.send_many([LETTER]) == [Evidence("sink", None, "kept")]
    channel.close()
    assert sink.letters == [LETTER, LETTER]


def test_an_error_is_one_line_and_survives_copying() -> None:
    """A server's answer of many lines becomes one for the operator, and a copy says the same."""
    problem = DeliveryError("550 no\r\nsuch\x00 user\u202e" + "x" * 9_000, permanent=True)
    assert problem.reason.startswith("550 no such user x")
    assert len(problem.reason) <= 500
    again = copy.copy(problem)
    assert (again.reason, again.permanent) == (problem.reason, True)
