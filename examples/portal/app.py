"""A prefecture portal, small enough to read: FastAPI, two roles, the real engine.

An officer at the counter finds people, files and asks for renewals; a decider grants, refuses and renews. The buttons
of a page are what ``engine.allowed`` names for that officer on that file; a form carries the version that its page
showed, so that two officers on one file do not overwrite one another; what the engine refuses is shown in its words.

    uvicorn --factory examples.portal.app:portal

serves the store of ``PORTAL_STORE`` with the host's own table of visits beside it. The people and their passwords below
are an example: a real host has its own.
"""

import hmac
import os
import secrets
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from starlette.middleware.sessions import SessionMiddleware

from examples.portal.forms import FORMS, command_of
from permits_engine import Actor, Engine, LodgeApplication, PermitsError, RegisterHolder

HERE = Path(__file__).parent
STATUS = {"not_found": 404, "actor": 403, "concurrency": 409, "input": 422, "rule": 422, "store": 503}
"""HTTP status by family of error; any other is 500."""
VISITS = "CREATE TABLE IF NOT EXISTS visits (permit_id TEXT, officer TEXT, act TEXT)"


@dataclass(frozen=True)
class Officer:
    """A person who may log in, and as whom they act."""

    name: str
    password: str
    actor: Actor


OFFICERS = {
    each.name: each
    for each in (
        Officer("samira", "counter-rabat", Actor("samira", "counter", "MA-RAB")),
        Officer("karim", "decider-rabat", Actor("karim", "decider", "MA-RAB")),
        Officer("leila", "counter-fes", Actor("leila", "counter", "MA-FES")),
    )
}


class NotLoggedInError(Exception):
    """No user is logged in: the browser is sent to the door."""


def portal() -> FastAPI:
    """The portal on the store that the environment of this process names."""
    host = create_engine(os.environ.get("PORTAL_STORE", "sqlite:///permits.db"))
    return create(Engine.open(host, keys=os.environ.get("PORTAL_KEYS")), host)


def create(engine: Engine, host: SqlEngine, secret: str | None = None) -> FastAPI:
    """The portal over an open engine and the host's own database, which is the store's."""
    app = FastAPI(title="Prefecture portal", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(
        SessionMiddleware, secret_key=secret or secrets.token_hex(32), same_site="strict", max_age=8 * 3600
    )
    pages = Jinja2Templates(HERE / "templates")
    with host.begin() as connection:
        connection.execute(text(VISITS))

    def officer(request: Request) -> Officer:
        """The user who is logged in; a form must carry the token of their session."""
        found = OFFICERS.get(request.session.get("officer", ""))
        if found is None:
            raise NotLoggedInError
        return found

    Who = Annotated[Officer, Depends(officer)]

    def page(request: Request, name: str, status: int = 200, **shown: Any) -> HTMLResponse:
        token = request.session.setdefault("token", secrets.token_hex(16))
        who = OFFICERS.get(request.session.get("officer", ""))
        return pages.TemplateResponse(
            request, name, {"who": who, "token": token, **shown}, status_code=status
        )

    async def fields_of(request: Request) -> dict[str, str]:
        """The fields of a form, whose token must be the session's own."""
        form = {key: value for key, value in (await request.form()).items() if isinstance(value, str)}
        if not hmac.compare_digest(form.pop("token", ""), request.session.get("token", "-")):
            raise NotLoggedInError
        return form

    Fields = Annotated[dict[str, str], Depends(fields_of)]

    @app.exception_handler(NotLoggedInError)
    async def to_the_door(request: Request, problem: Exception) -> Response:
        return RedirectResponse("/login", status_code=303)

    @app.exception_handler(PermitsError)
    async def refused(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, PermitsError)
        status = STATUS.get(problem.family, 500)
        return page(request, "refused.html", status, problem=problem, back=request.headers.get("referer"))

    # --- the door ---

    @app.get("/login")
    def door(request: Request) -> Response:
        return page(request, "login.html")

    @app.post("/login")
    def log_in(request: Request, fields: Fields) -> Response:
        known = OFFICERS.get(fields.get("name", ""))
        if known is None or not hmac.compare_digest(known.password, fields.get("password", "")):
            return page(request, "login.html", 401, failed=True)
        request.session.clear()
        request.session["officer"] = known.name
        return RedirectResponse("/", status_code=303)

    @app.post("/logout")
    def log_out(request: Request, fields: Fields) -> Response:
        request.session.clear()
        return RedirectResponse("/login", status_code=303)

    # --- looking; these run in FastAPI's thread pool, because the engine is synchronous ---

    @app.get("/")
    def files(request: Request, who: Who, after: str | None = None) -> Response:
        rows = engine.as_(who.actor).find(limit=20, after=after)
        return page(request, "files.html", rows=rows)

    @app.get("/find")
    def find(
        request: Request, who: Who, name: str = "", birth_date: date | None = None, number: str = ""
    ) -> Response:
        reader = engine.as_(who.actor)
        if number:
            rows = [*reader.find(card_number=number), *reader.find(file_number=number)]
        else:
            rows = reader.find(name=name or None, birth_date=birth_date)
        return page(request, "files.html", rows=rows, asked=name or number)

    @app.get("/permits/{permit_id}")
    def permit(request: Request, who: Who, permit_id: str) -> Response:
        reader = engine.as_(who.actor)
        view = reader.permit(permit_id)
        return page(
            request,
            "permit.html",
            view=view,
            person=reader.queries.holder(view.holder_id),
            history=reader.history(permit_id),
            forms={name: FORMS[name] for name in reader.allowed(permit_id) if name in FORMS},
            fresh=lambda: secrets.token_hex(16),
        )

    # --- acting ---

    # Each in one transaction for the host's rows and the engine's events, which ends before the answer goes out.

    @app.post("/people")
    def register(who: Who, fields: Fields) -> Response:
        """A person and their file, both or neither."""
        filing = {key: fields.pop(key, "") for key in ("category", "criterion", "missing")}
        holder = RegisterHolder(**{key: value for key, value in fields.items() if value})
        with Session(host) as session, session.begin():
            holder_id = engine.execute(holder, actor=who.actor, session=session).holder_id
            application = LodgeApplication(
                holder_id=holder_id,
                jurisdiction="MA",
                category=filing["category"],
                criterion=filing["criterion"] or None,
                prefecture=who.actor.prefecture,
                missing=filing["missing"].split(),
            )
            permit_id = engine.execute(application, actor=who.actor, session=session).permit_id
            return done(session, who, "lodge_application", permit_id)

    @app.post("/permits/{permit_id}/{name}")
    def act(who: Who, fields: Fields, permit_id: str, name: str) -> Response:
        """One of the buttons; the host's row about the visit shares the fate of the engine's events."""
        command = command_of(name, permit_id, fields)
        with Session(host) as session, session.begin():
            if not engine.execute(command, actor=who.actor, session=session).replayed:
                return done(session, who, name, permit_id)
        return RedirectResponse(f"/permits/{permit_id}", status_code=303)

    def done(session: Session, who: Officer, act: str, permit_id: str | None) -> Response:
        visit = {"permit_id": permit_id, "officer": who.name, "act": act}
        session.execute(text("INSERT INTO visits VALUES (:permit_id, :officer, :act)"), visit)
        return RedirectResponse(f"/permits/{permit_id}", status_code=303)

    return app
