"""In which language a page is: the person's choice, the browser session's, or that of the settings.

The words themselves stand in translations/; source texts are English.
"""

from __future__ import annotations

from flask import Flask, session
from flask_babel import Babel, get_locale

from admin import access
from admin.services import services

LANGUAGES = {"vi": "Tiếng Việt", "en": "English"}


def install(app: Flask) -> None:
    """Translations, and what the layout needs to offer the other language."""
    Babel(
        app,
        default_locale="en",  # of the source texts
        locale_selector=chosen,
        timezone_selector=lambda: services().settings.time_zone,
    )
    app.context_processor(lambda: {"language": get_locale().language, "languages": LANGUAGES})


def chosen() -> str:
    """Code of the language for this request."""
    who = access.person()
    wanted = session.get("language", "")
    if wanted not in LANGUAGES and who is not None:
        wanted = who.account.language
    return wanted if wanted in LANGUAGES else services().settings.admin.language


def choose(language: str) -> None:
    """Remember it for this browser session."""
    session["language"] = language
