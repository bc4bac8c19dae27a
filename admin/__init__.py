"""The staff pages as one WSGI application: `create_app` is the only wiring.

No view and no rule of its own. Imports stand inside: `sinkhole` commands live in this package and need no Flask.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from contracts.settings import Settings

if TYPE_CHECKING:
    from flask import Flask


def create_app(settings: Settings, *, testing: bool = False, clock: Callable[[], float] = time.time) -> Flask:
    """The application for one state folder. `clock` gives UTC seconds."""
    from flask import Flask
    from flask_bootstrap import Bootstrap5
    from flask_wtf import CSRFProtect

    from admin import (
        access,
        allowed,
        audit,
        auth,
        campaigns,
        errors,
        hosts,
        language,
        lists,
        lists_change,
        lists_held,
        overview,
        red_switch,
        security,
        show,
    )
    from admin.services import Services
    from casework.store.engine import Stores

    app = Flask(__name__)
    app.extensions["sinkhole"] = Services(settings, Stores(settings.state), clock)
    app.config.update(
        TESTING=testing,
        SECRET_KEY=security.secret_key(settings.state / "admin.key"),
        SESSION_COOKIE_NAME="__Host-sinkhole" if settings.admin.secure_cookies else "sinkhole",
        SESSION_COOKIE_SECURE=settings.admin.secure_cookies,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",  # Strict would log people out who follow a link from a letter
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.admin.session_hours),
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        MAX_CONTENT_LENGTH=1 << 16,
        SEND_FILE_MAX_AGE_DEFAULT=600,
        BOOTSTRAP_SERVE_LOCAL=True,
    )
    security.install(app, settings.admin)
    language.install(app)
    show.install(app)
    Bootstrap5(app)
    lists_change.install(app)
    CSRFProtect(app)
    access.install(app)
    red_switch.install(app)
    errors.install(app)
    for page in (overview, auth, hosts, campaigns, lists, lists_held, allowed, audit):
        app.register_blueprint(page.blueprint)
    security.limit_logins(app, settings.admin.login_limit, ("auth.log_in", "auth.change_password"))
    return app
