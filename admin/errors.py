"""What a person sees when something went wrong: in their language, in the same layout, without our insides.

Nothing is decided here; our own failures are logged once, by Flask.
"""

from __future__ import annotations

from flask import Flask, g, render_template
from flask_babel import gettext, lazy_gettext
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

# status -> (heading, what to do)
PAGES = {
    400: (
        lazy_gettext("This request cannot be understood"),
        lazy_gettext("Go back, load the page again and repeat what you did."),
    ),
    403: (
        lazy_gettext("Your role does not allow this"),
        lazy_gettext("Ask an administrator when you need it for your work."),
    ),
    404: (
        lazy_gettext("There is nothing here"),
        lazy_gettext("The address is wrong, or what it named is no longer kept."),
    ),
    405: (
        lazy_gettext("This request cannot be understood"),
        lazy_gettext("Go back, load the page again and repeat what you did."),
    ),
    413: (lazy_gettext("This is too large"), lazy_gettext("Send less at once.")),
    503: (
        lazy_gettext("The lists cannot be read now"),
        lazy_gettext("They are brought up to date when the lists process starts. Name resolution is not affected."),
    ),
    429: (
        lazy_gettext("Too many attempts"),
        lazy_gettext("Wait a minute before you try again."),
    ),
    500: (
        lazy_gettext("Something failed on our side"),
        lazy_gettext("It has been written to the log of the admin process. Name resolution is not affected."),
    ),
}


def install(app: Flask) -> None:
    """Pages for every status above; any other HTTP error gets the one of 400 or 500."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(500, _ours)


def _http(error: HTTPException) -> tuple[str, int] | HTTPException:
    status = error.code or 500
    return of_status(status) if status >= 400 else error  # a redirect of the router's


def of_status(status: int) -> tuple[str, int]:
    """The page of an HTTP error."""
    heading, advice = PAGES.get(status, PAGES[400 if status < 500 else 500])
    return _page(status, heading, advice), status


def _csrf(_error: CSRFError) -> tuple[str, int]:
    heading = gettext("This form is no longer valid")
    return _page(400, heading, gettext("Your login may have ended meanwhile. Load the page again and repeat.")), 400


def _ours(_error: Exception) -> tuple[str, int]:
    g.failed = True  # the page must not ask the database again who this is
    return _page(500, *PAGES[500]), 500


def _page(status: int, heading: str, advice: str) -> str:
    return render_template("errors/page.html", status=status, heading=heading, advice=advice)
