"""The audit log: who did what, of people's accounts and pages and of the lists, in one order of time.

Read-only, for auditors and administrators.
"""

from __future__ import annotations

from flask import Blueprint, render_template, request

from admin import access, audit_words, paging
from admin.paging import Pager

blueprint = Blueprint("audit", __name__, url_prefix="/audit")
PAGE = 100


@blueprint.get("/")
def show_list() -> str:
    """The newest entries first."""
    text = request.args.get("q", "").strip()
    number = paging.asked_page()
    entries, total = access.read_audit(text, (number - 1) * PAGE, PAGE)
    return render_template(
        "audit/list.html", entries=entries, pager=Pager(number, PAGE, total), text=text, words=audit_words
    )
