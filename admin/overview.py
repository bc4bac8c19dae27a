"""The entrance of the pages, and the choice of language.

No data: home leads on to the list of machines.
"""

from __future__ import annotations

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from admin import access, language
from admin.services import services
from casework import accounts

blueprint = Blueprint("overview", __name__)


@blueprint.get("/")
def home() -> Response:
    """To the list of machines."""
    return redirect(url_for("hosts.show_list"))


@blueprint.post("/language")
def choose_language() -> Response:
    """Remember the language for this session and, for people logged in, with their account."""
    wanted = request.form.get("language", "")
    if wanted not in language.LANGUAGES:
        abort(400)
    language.choose(wanted)
    who = access.person()
    if who is not None:
        accounts.choose_language(services().stores.casework, who.account, wanted)
    return redirect(access.local_path(request.form.get("back")))
