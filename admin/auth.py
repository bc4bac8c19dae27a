"""Logging in and out, and choosing a password.

Whether a password is right is casework.accounts' to say; what a role may see, admin.access'.
"""

from __future__ import annotations

from flask import Blueprint, current_app, flash, g, redirect, render_template, request, session, url_for
from flask import Response as Answer
from flask_babel import gettext, lazy_gettext
from flask_login import login_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from admin import access
from admin.access import Person
from admin.services import services
from casework import accounts
from casework.accounts import MAX_PASSWORD, MIN_PASSWORD, Login, PasswordProblem
from casework.store.accounts import all_accounts

blueprint = Blueprint("auth", __name__)
LONG = Length(max=MAX_PASSWORD, message=lazy_gettext("Too long."))
NEEDED = InputRequired(lazy_gettext("Please fill this in."))

PROBLEMS: dict[PasswordProblem, str] = {
    "wrong": lazy_gettext("This is not your present password."),
    "short": lazy_gettext("At least %(count)d characters.", count=MIN_PASSWORD),
    "long": lazy_gettext("Too long."),
    "name": lazy_gettext("The password must not be made of your account name."),
    "same": lazy_gettext("The new password must differ from the present one."),
}


class LoginForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Name and password."""

    name = StringField(
        lazy_gettext("Account"),
        [NEEDED, Length(max=64)],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True},
    )
    password = PasswordField(lazy_gettext("Password"), [NEEDED, LONG], render_kw={"autocomplete": "current-password"})


class PasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """The present password and the new one, twice."""

    old = PasswordField(
        lazy_gettext("Present password"),
        [NEEDED, LONG],
        render_kw={"autocomplete": "current-password", "autofocus": True},
    )
    new = PasswordField(
        lazy_gettext("New password"),
        [NEEDED, LONG],
        description=lazy_gettext("At least %(count)d characters; several words are good.", count=MIN_PASSWORD),
        render_kw={"autocomplete": "new-password", "minlength": MIN_PASSWORD},
    )
    again = PasswordField(
        lazy_gettext("New password again"), [NEEDED, LONG], render_kw={"autocomplete": "new-password"}
    )

    def accept(self, person: Person) -> Login | None:
        """The new login; None after saying at its field what is wrong."""
        if self.new.data != self.again.data:
            self.again.errors = [gettext("The two do not agree.")]
            return None
        done = accounts.change_password(
            services().stores.casework, person.account, self.old.data, self.new.data, access.origin(), _seconds()
        )
        if isinstance(done, Login):
            return done
        g.wrong_password = done == "wrong"
        field = self.old if done == "wrong" else self.new
        field.errors = [PROBLEMS[done]]
        return None


@blueprint.route("/login", methods=["GET", "POST"])
def log_in() -> Response | str | tuple[str, int]:
    """Ask for name and password; go on to where the person wanted to go."""
    store = services().stores.casework
    onward = access.local_path(request.args.get("next"))
    if access.person() is not None:
        return redirect(onward)
    form = LoginForm()
    if form.validate_on_submit():
        login = accounts.log_in(store, form.name.data, form.password.data, access.origin(), _seconds())
        if login is not None:
            _begin(login)
            return redirect(onward)
        g.wrong_password = True
        flash(gettext("Wrong account or password, or too many attempts: wait a little and try again."), "danger")
        return render_template("auth/log_in.html", form=form, newcomer=not all_accounts(store)), 401
    return render_template("auth/log_in.html", form=form, newcomer=not all_accounts(store))


@blueprint.post("/logout")
def log_out() -> Response:
    """End this login, in the database too: a copied cookie is worth nothing afterwards."""
    who = access.person()
    if who is not None:
        accounts.log_out(services().stores.casework, who.token, access.origin())
    chosen = session.get("language")
    session.clear()
    if chosen:
        session["language"] = chosen
    flash(gettext("You have logged out."), "success")
    return redirect(url_for("auth.log_in"))


@blueprint.route("/password", methods=["GET", "POST"])
def change_password() -> Response | str:
    """Choose a password; the first one, which somebody else has seen, must be changed before anything else."""
    who = access.person()
    assert who is not None  # the gate let only people through
    form = PasswordForm()
    if form.validate_on_submit():
        login = form.accept(who)
        if login is not None:
            _begin(login)
            flash(gettext("Your password has been changed. Other logins of yours have ended."), "success")
            return redirect(url_for("overview.home"))
    return render_template("auth/change_password.html", form=form, first=who.account.must_change)


@blueprint.after_request
def count_wrong_passwords_only(answer: Answer) -> Answer:
    """Give back what the limit took for this request, unless a password was wrong.

    A room of staff may share one address, and all log in at eight. The limit takes before it is known how it ends, so
    that many tries at once cannot slip past it.
    """
    if g.get("wrong_password") or answer.status_code >= 400:
        return answer
    for limiter in current_app.extensions["limiter"]:
        for taken in limiter.current_limits:
            limiter.storage.decr(taken.key)
    return answer


def _begin(login: Login) -> None:
    """A new browser session: nothing of the one before lives on but the language, if the person has none set."""
    chosen = login.account.language or session.get("language")
    session.clear()
    if chosen:
        session["language"] = chosen
    session.permanent = True
    login_user(Person(login.account, login.token))


def _seconds() -> int:
    return services().settings.admin.session_hours * 3600
