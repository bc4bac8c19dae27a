"""Changing lists: a file becomes a held version that people look at; versions go live, back, or out of the policy.

The lists process does the work and the audit; whether a person may ask it, is admin.access' to say.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

from flask import Flask, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from admin import access, access_casework, errors, list_reasons, list_words
from admin.lists import blueprint, look, version_page
from admin.lists_form import ChangeForm, UploadForm
from blocklists.report import ImportReport, Switched, Version
from blocklists.service import ImportOptions
from runtime.control import Refused, Unreachable

LARGEST_FILE = 64 << 20
LARGEST_UPLOAD = LARGEST_FILE + (1 << 16)  # with the other fields
CHANGES = 20
Page = str | Response | tuple[str, int]


def install(app: Flask) -> None:
    """Let those who may send a list send a large body, before anything reads it."""

    @app.before_request
    def allow_upload() -> None:
        if request.endpoint == "lists.upload" and request.method == "POST":
            who = access.person()
            if who is not None and who.may("change-lists"):
                request.max_content_length = LARGEST_UPLOAD


@blueprint.get("/upload")
def show_upload() -> str:
    """The empty form, perhaps for a new version of a list that is named."""
    access.require("change-lists")
    return _upload_page(_upload_form(filled=False))


@blueprint.post("/upload")
def upload() -> Page:
    """Import a file as a version that is held, and lead on to it."""
    access.require("change-lists")
    form = _upload_form(filled=True)
    if not form.validate():
        return _upload_page(form), 422
    try:
        report = _import(form.file.data, form.options())
    except (Refused, Unreachable) as error:
        return _upload_page(form, list_words.trouble(error)), list_words.status(error)
    if report.state == "refused":
        return _upload_page(form, list_reasons.said(report.reason), report), 422
    flash(_imported(report), "success")
    for warning in report.warnings:
        if not warning.startswith("among the most visited"):  # the page of the version says that itself, and later too
            flash(list_reasons.said(warning[:300]), "warning")
    return redirect(url_for("lists.show_version", name=report.list, number=report.version, compare=1))


@blueprint.errorhandler(413)
def too_large(_error: RequestEntityTooLarge) -> tuple[str, int]:
    """A file beyond the limit was not read, so that no field of its form is known."""
    who = access.person()
    if request.endpoint != "lists.upload" or who is None or not who.may("change-lists"):
        return errors.of_status(413)
    problem = gettext("The file is larger than %(limit)s MB.", limit=LARGEST_FILE >> 20)
    return _upload_page(_upload_form(filled=False), problem), 413


@blueprint.post("/named/<name>/<int:number>/activate")
def activate(name: str, number: int) -> Page:
    """Make a version live; its page has shown what that changes."""
    access.require("change-lists")

    def again(problem: str) -> str:
        return version_page(look(name, number, wanted=True), problem)

    return _change(name, lambda: access.activate_list(name, number), again)


@blueprint.get("/named/<name>/rollback")
def show_rollback(name: str) -> Page:
    """What going back to the version before would change."""
    access.require("change-lists")
    return _rollback_page(name)


@blueprint.post("/named/<name>/rollback")
def rollback(name: str) -> Page:
    """Go back to the version that was live before."""
    access.require("change-lists")
    return _change(name, lambda: access.rollback_list(name), lambda problem: _rollback_page(name, problem))


@blueprint.get("/named/<name>/withdraw")
def show_withdraw(name: str) -> Page:
    """What taking a list out of the policy means."""
    access.require("change-lists")
    return _withdraw_page(name)


@blueprint.post("/named/<name>/withdraw")
def withdraw(name: str) -> Page:
    """Take a list out of the policy; its versions stay."""
    access.require("change-lists")
    return _change(name, lambda: access.withdraw_list(name), lambda problem: _withdraw_page(name, problem))


def _change(name: str, do: Callable[[], Switched], again: Callable[[str], str]) -> Page:
    """Do it if what is live is still what the person saw; else, and when it is refused, show the page again."""
    form, live = ChangeForm(), access.fetch_list(name).status.live
    if not form.validate() or form.before.data != (live.number if live else 0):
        return again(gettext("Meanwhile something else went live: nothing was changed. Look at it again.")), 409
    try:
        done = do()
    except (Refused, Unreachable) as error:
        return again(list_words.trouble(error)), list_words.status(error)
    reached = done.workers
    flash(list_words.outcome(done), "success" if reached and reached.live == reached.of else "warning")
    return redirect(url_for("lists.show", name=name))


def _upload_form(*, filled: bool) -> UploadForm:
    form = UploadForm() if filled else UploadForm(None, name=request.args.get("name", "")[:64])
    form.offer(access_casework.list_campaigns())
    return form


def _upload_page(form: UploadForm, problem: str = "", report: ImportReport | None = None) -> str:
    return render_template(
        "lists/upload.html",
        form=form,
        names=[found.status.name for found in access.lists_in_order()],
        problem=problem,
        report=report,
        limit=LARGEST_FILE >> 20,
        words=list_words,
        reasons=list_reasons,
    )


def _import(sent: FileStorage, options: ImportOptions) -> ImportReport:
    """The lists process takes files from a path: what was sent lies there only so long."""
    with NamedTemporaryFile(prefix="sinkhole-upload-") as draft:
        sent.save(draft)
        draft.flush()
        return access.import_list(Path(draft.name), options)


def _imported(report: ImportReport) -> str:
    told = gettext(
        "The file was read as %(format)s in %(seconds)s s; version %(version)s is held and blocks nothing yet. "
        "Look through it, then activate it or leave it.",
        format=list_words.format_name(report.format),
        seconds=f"{report.seconds:.2f}",
        version=report.version,
    )
    return str(told)


def _rollback_page(name: str, problem: str = "") -> str:
    found = access.fetch_list(name)
    return _change_page("lists/rollback.html", found, found.status.earlier, problem)


def _withdraw_page(name: str, problem: str = "") -> str:
    return _change_page("lists/withdraw.html", access.fetch_list(name), None, problem)


def _change_page(template: str, found: access.ListFound, target: Version | None, problem: str) -> str:
    live = found.status.live
    compared = live is not None and target is not None
    return render_template(
        template,
        found=found,
        target=target,
        difference=access.list_difference(live, target, CHANGES) if live and target and compared else None,
        form=ChangeForm(None, before=live.number if live else 0),
        problem=problem,
        words=list_words,
    )
