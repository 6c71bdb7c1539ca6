"""Every error of the contract, brought about through the command line, on both databases."""

from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.command_line import COMMISSION, COUNTER, DECIDER, WHY, Cli, application, opinion

NOBODY = str(uuid4())


def act(name: str, permit_id: str, on: str, actor: dict[str, Any] = DECIDER, **fields: Any) -> dict[str, Any]:
    """One command on a file."""
    return {"command": name, "permit_id": permit_id, "on": on, "actor": actor, **fields}


def ordinary(cli: Cli, on: str, **fields: Any) -> str:
    """A file of the ordinary law, lodged in Rabat."""
    return cli.application(category="ordinary", criterion=None, on=on, **fields)


def refused_file(cli: Cli, notified: str = "2019-07-16") -> str:
    """A refusal of the ordinary law, regularly notified."""
    permit_id = ordinary(cli, "2019-03-01")
    cli.did(
        act("refuse_application", permit_id, "2019-07-01", **WHY),
        act("notify_decision", permit_id, notified, COUNTER, mode="written", proof="signed"),
    )
    return permit_id


def test_what_is_not_there_is_not_found(cli: Cli) -> None:
    """A permit, a holder or a notice that no one knows: the code, exit 1, the sentence on standard error."""
    for command in (["show"], ["history"], ["explain"]):
        done = cli(*command, NOBODY, "--json")
        assert (done.code, done.error["code"]) == (1, "permit.not_found")
        assert done.error["details"] == {"permit_id": NOBODY}
        assert NOBODY in done.err
    assert cli.refused(act("record_exit", NOBODY, "2020-01-01", COUNTER))["code"] == "permit.not_found"
    assert cli.refused(application(NOBODY))["code"] == "holder.not_found"
    update = {"command": "update_holder", "holder_id": NOBODY, "language": "ar", "actor": COUNTER}
    assert cli.refused(update)["code"] == "holder.not_found"
    done = cli("notices", "retry", NOBODY, "--json")
    assert (done.code, done.error["code"]) == (1, "notice.not_found")


def test_a_state_that_forbids_says_what_it_is_and_what_it_allows(cli: Cli) -> None:
    """transition.not_allowed carries the state, the command and what is allowed now."""
    permit_id = cli.title()
    error = cli.refused(act("issue_permit", permit_id, "2017-02-02"))
    assert error["code"] == "transition.not_allowed"
    assert error["details"]["command"] == "issue_permit"
    assert error["details"]["state"]["title_status"] == "active"
    assert "request_renewal" in error["details"]["allowed"]
    assert "issue_permit" not in error["details"]["allowed"]


def test_a_decision_does_not_precede_the_last_one(cli: Cli) -> None:
    """The refusal names the later event."""
    permit_id = cli.title()
    error = cli.refused(act("revoke_permit", permit_id, "2017-01-25", ground="expulsion-order", **WHY))
    assert error["code"] == "transition.not_allowed"
    late = act("close_permit", permit_id, "2017-03-01", reason="departed")
    cli.did(act("replace_card", permit_id, "2017-04-01", COUNTER, reason="lost"), late)


def test_windows_and_campaigns_have_their_days(cli: Cli) -> None:
    """A renewal too late, an application outside its campaign, and a criterion that it does not know."""
    permit_id = cli.title()
    late = cli.refused(act("request_renewal", permit_id, "2018-02-16", COUNTER))
    assert (late["code"], late["details"]) == ("window.closed", {"closes": "2018-02-15"})
    holder_id = cli.holder()
    closed = cli.refused(application(holder_id) | {"on": "2018-01-01"})
    assert closed["code"] == "campaign.closed"
    unknown = cli.refused(application(holder_id) | {"criterion": "R7"})
    assert (unknown["code"], unknown["details"]["criteria"]) == (
        "criterion.unknown",
        ["R1", "R2", "R3", "R4", "R5", "R6"],
    )


def test_a_renewal_asked_for_too_early_names_the_day(cli: Cli) -> None:
    """window.not_open: in France a renewal is asked for from 120 days before expiry."""
    counter = COUNTER | {"prefecture": "FR-01"}
    decider = DECIDER | {"prefecture": "FR-01"}
    holder_id = cli.holder(actor=counter)
    filed = {
        **application(holder_id),
        "jurisdiction": "FR",
        "category": "temporary",
        "criterion": None,
        "prefecture": "FR-01",
        "on": "2024-01-10",
        "actor": counter,
    }
    [outcome] = cli.did(filed)
    permit_id = outcome["permit_id"]
    cli.did(act("issue_permit", permit_id, "2024-02-01", decider))
    error = cli.refused(act("request_renewal", permit_id, "2024-03-01", counter))
    assert (error["code"], error["details"]) == ("window.not_open", {"opens": "2024-10-03"})


def test_a_campaign_card_needs_an_opinion_and_a_refusal_its_reasons(cli: Cli) -> None:
    """opinion.missing without a favourable opinion; decision.reasons_missing where a reason is blank."""
    permit_id = cli.application()
    assert cli.refused(act("issue_permit", permit_id, "2017-02-01"))["code"] == "opinion.missing"
    unfavourable = opinion(permit_id) | {"favourable": False}
    cli.did(unfavourable)
    assert cli.refused(act("issue_permit", permit_id, "2017-02-01"))["code"] == "opinion.missing"
    blank = act("refuse_application", permit_id, "2017-02-01", **WHY | {"reasons_in_law": " \n"})
    error = cli.refused(blank)
    assert (error["code"], error["details"]["field"]) == ("decision.reasons_missing", "reasons_in_law")
    missing = {k: v for k, v in blank.items() if k != "reasons_in_law"}
    assert cli.refused(missing)["code"] == "input.invalid"


def test_only_who_is_competent_acts_and_only_for_their_office(cli: Cli) -> None:
    """actor.not_competent for another role (an unknown one too), actor.wrong_prefecture for another office."""
    permit_id = cli.application()
    error = cli.refused(act("issue_permit", permit_id, "2017-02-01", COUNTER))
    assert (error["code"], error["details"]["roles"]) == ("actor.not_competent", ["decider"])
    wizard = act("issue_permit", permit_id, "2017-02-01", DECIDER | {"role": "wizard"})
    assert cli.refused(wizard)["code"] == "actor.not_competent"
    elsewhere = act("issue_permit", permit_id, "2017-02-01", DECIDER | {"prefecture": "MA-FES"})
    error = cli.refused(elsewhere)
    assert (error["code"], error["details"]["prefecture"]) == ("actor.wrong_prefecture", "MA-RAB")


def test_appeals_have_their_bodies_and_their_time(cli: Cli) -> None:
    """appeal.not_available for a body that cannot be seized, appeal.out_of_time after fifteen clear days."""
    permit_id = refused_file(cli)
    national = act("lodge_appeal", permit_id, "2019-07-20", COUNTER, body="national_commission")
    assert cli.refused(national)["code"] == "appeal.not_available"
    tribunal = act("lodge_appeal", permit_id, "2019-08-02", COUNTER, body="administrative_tribunal")
    error = cli.refused(tribunal)
    assert (error["code"], error["details"]["closes"]) == ("appeal.out_of_time", "2019-08-01")
    assert "2019-08-01" in error["message"]
    assert cli.did(tribunal | {"on": "2019-08-01"})[0]["events"] == ["permit.appealed"]


def test_documents_are_asked_for_once_early_and_from_the_list(cli: Cli) -> None:
    """documents.not_listed, documents.second_request and documents.too_late, in this order of checks."""
    permit_id = ordinary(cli, "2021-03-01")
    ask = act("request_documents", permit_id, "2021-03-12", documents=["bank-statement"], reason="doubt")
    error = cli.refused(ask)
    assert (error["code"], error["details"]["documents"]) == ("documents.not_listed", ["bank-statement"])
    late = ask | {"documents": ["passport-original"], "on": "2021-04-01"}
    assert cli.refused(late)["code"] == "documents.too_late"
    supply = act("supply_documents", permit_id, "2021-03-20", COUNTER, documents=["passport-original"])
    cli.did(ask | {"documents": ["passport-original"]}, supply)
    again = ask | {"documents": ["passport-original"], "on": "2021-03-25"}
    assert cli.refused(again)["code"] == "documents.second_request"


def test_two_titles_of_one_kind_do_not_overlap(cli: Cli) -> None:
    """title.overlap names the other permit and its last day."""
    first = cli.title()
    holder_id = cli.ok("show", first, "--json").json["holder_id"]
    second = ordinary(cli, "2017-06-01", holder_id=holder_id)
    error = cli.refused(act("issue_permit", second, "2018-01-31"))
    assert error["code"] == "title.overlap"
    assert error["details"] == {"permit_id": first, "valid_until": "2018-01-31"}


def test_a_shorter_term_needs_its_reasons(cli: Cli) -> None:
    """exclusion.reasons_missing names the policy's own term."""
    permit_id = cli.title()
    cli.did(act("request_renewal", permit_id, "2018-01-10", COUNTER))
    error = cli.refused(act("renew_permit", permit_id, "2018-01-18", term="P1Y"))
    assert error["code"] == "exclusion.reasons_missing"
    assert error["details"] == {"term": "P1Y", "policy_term": "P3Y"}


def test_another_version_than_expected_is_a_conflict(cli: Cli) -> None:
    """concurrency.conflict says both versions; the right one is carried out."""
    permit_id = cli.application()
    error = cli.refused(opinion(permit_id) | {"expected_version": 7})
    assert error["code"] == "concurrency.conflict"
    assert (error["details"]["expected_version"], error["details"]["version"]) == (7, 2)
    assert cli.did(opinion(permit_id) | {"expected_version": 2})[0]["version"] == 3


def test_a_command_id_is_for_one_content(cli: Cli) -> None:
    """The same again is replayed, other content is command.id_reused, and a refused one may be tried again."""
    permit_id = cli.application()
    early = act("issue_permit", permit_id, "2017-02-01", command_id="issue-1")
    assert cli.refused(early)["code"] == "opinion.missing"
    advice = opinion(permit_id) | {"command_id": "advice-1"}
    first, again = cli.did(advice, advice)
    assert again == first | {"replayed": True}
    assert cli.refused(advice | {"reasons": "others"})["code"] == "command.id_reused"
    assert cli.did(early)[0]["events"] == ["permit.issued"]


@pytest.mark.parametrize("on", ["1950-01-01", "2003-11-12"])
def test_before_the_law_there_is_no_rule(cli: Cli, on: str) -> None:
    """policy.none_in_force for a day on which nothing was in force, and for a country without rules."""
    holder_id = cli.holder(birth_date="1930-01-01")
    filed = application(holder_id) | {"category": "ordinary", "criterion": None, "on": on}
    assert cli.refused(filed)["code"] == "policy.none_in_force"
    nowhere = application(holder_id) | {"jurisdiction": "XX", "prefecture": "XX-A"}
    assert cli.refused(nowhere | {"actor": COUNTER})["code"] == "policy.none_in_force"
    done = cli("policy", "show", "--jurisdiction", "MA", "--on", on, "--json")
    assert (done.code, done.error["code"]) == (1, "policy.none_in_force")


def test_beyond_the_head_there_is_no_silent_answer(cli: Cli) -> None:
    """position.beyond_head for a version that is not there and for a moment that has not come."""
    permit_id = cli.application()
    done = cli("explain", permit_id, "--version", "99", "--json")
    assert (done.code, done.error["code"]) == (1, "position.beyond_head")
    assert (done.error["details"]["version"], done.error["details"]["head"]) == (99, 2)
    done = cli("show", permit_id, "--known-at", "2199-01-01T00:00:00Z", "--json")
    assert (done.code, done.error["code"]) == (1, "position.beyond_head")
    assert "clock" in done.error["details"]


def test_what_is_recorded_cannot_lie_ahead(cli: Cli) -> None:
    """``on`` after today is input.invalid, and names the day."""
    permit_id = cli.application()
    error = cli.refused(opinion(permit_id) | {"on": "2199-12-31"})
    assert error["code"] == "input.invalid"
    assert error["details"]["fields"][0]["path"] == "on"


def test_who_was_erased_gets_no_new_event(cli: Cli) -> None:
    """Without the holder's key nothing more is written about them: holder.erased."""
    from permits_engine.store.database.transactions import Database, Statement

    holder_id = cli.holder()
    assert cli.store is not None
    database = Database.open(cli.store)
    with database.write() as tx:
        tx.run(Statement("DELETE FROM holder_keys WHERE holder_id = :id"), {"id": holder_id})
    database.close()
    assert cli.refused(application(holder_id) | {"file_number": "12/2016"})["code"] == "holder.erased"


def test_the_exit_code_after_all_lines_is_the_gravest(cli: Cli) -> None:
    """A refused line stops nothing: 2 where one could not be read, else 1 where one was refused, else 0."""
    holder_id = cli.holder()
    good = application(holder_id) | {"permit_id": str(uuid4())}
    refused, unreadable = application(holder_id) | {"criterion": "R9"}, b"{"
    done = cli.execute(refused, good, b"", b"   ")
    assert (done.code, [each["ok"] for each in done.lines]) == (1, [False, True])
    assert done.lines[0]["error"]["line"] == 1
    done = cli.execute(unreadable, refused, opinion(good["permit_id"]))
    assert (done.code, [each["ok"] for each in done.lines]) == (2, [False, False, True])
    assert cli.execute(act("record_exit", good["permit_id"], "2017-01-01", COUNTER)).code == 0
    assert cli.execute(b"").code == 0


def test_an_unfavourable_body_is_not_a_body(cli: Cli) -> None:
    """A value outside a list says what the list is."""
    permit_id = cli.application()
    error = cli.refused(opinion(permit_id) | {"body": "the mayor", "actor": COMMISSION})
    assert error["details"]["fields"] == [
        {"path": "body", "reason": "is none of local_commission, national_commission"}
    ]
