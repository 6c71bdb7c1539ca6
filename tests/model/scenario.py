"""A state's history as a scenario that ``permits scenario run`` reads."""

from typing import Any

import yaml

from tests.model.world import State

LEFT_OUT = {"holder_id", "jurisdiction"}


class _Plain(yaml.SafeDumper):
    """No anchors: a day that comes twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def told(state: State) -> str:
    """The steps from the filing to a state; a step that only lets days pass looks, and does nothing."""
    first = state.path()[0]
    steps: list[dict[str, Any]] = []
    days = [each.today for each in state.path()]
    for each, day in zip(state.path(), days, strict=True):
        if each.act is None:
            continue
        if each.act.command is None:
            steps.append({"day": day})
            continue
        fields = {k: v for k, v in each.act.fields if k not in LEFT_OUT and v not in (None, ())}
        fields = {k: _plain(k, v) for k, v in fields.items()}
        if each.act.on != day:
            fields["on"] = each.act.on
        do = "run_scheduler" if each.act.command == "run_clock" else each.act.command
        which = {"permit": "second" if each.act.second else "first"} if state.second is not None else {}
        steps.append({"day": day, "do": do} | which | ({"with": fields} if fields else {}))
    scenario = {"name": "found by the model check", "jurisdiction": first.jurisdiction, "steps": steps}
    text: str = yaml.dump(scenario, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)
    return text


def _plain(name: str, value: Any) -> Any:
    if name == "exclusion":
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
