"""The engine in a Flask application: one engine per process, one transaction per request that changes something."""

from __future__ import annotations

from flask import Flask, jsonify, request
from sqlalchemy import Engine as SqlEngine
from sqlalchemy.orm import Session

from permits_engine import Actor, Engine, PermitsError
from permits_engine.commands import parse

STATUS = {"not_found": 404, "actor": 403, "concurrency": 409, "input": 422, "rule": 422, "store": 503}


def create_app(host: SqlEngine, keys: str) -> Flask:
    """The application; ``host`` is the database of its own tables and of the store."""
    app = Flask(__name__)
    engine = Engine.open(host, keys=keys)  # thread-safe: opened once, used by every request

    def officer() -> Actor:
        """The actor who asks; a real host knows from its login, never from a header."""
        name, role, prefecture = request.headers["X-Officer"].split("/")
        return Actor(name, role, prefecture)

    @app.errorhandler(PermitsError)
    def refused(problem: PermitsError):  # type: ignore[no-untyped-def]
        return jsonify({"error": problem.as_dict()}), STATUS.get(problem.family, 500)

    @app.get("/permits/<permit_id>")
    def permit(permit_id: str):  # type: ignore[no-untyped-def]
        return jsonify(engine.as_(officer()).permit(permit_id).as_dict())

    @app.post("/commands/<name>")
    def command(name: str):  # type: ignore[no-untyped-def]
        with Session(host) as session, session.begin():
            outcome = engine.execute(parse(name, request.get_json()), actor=officer(), session=session)
            # … the host's own rows, in the same session
        return jsonify({"permit_id": outcome.permit_id, "version": outcome.version})

    return app
