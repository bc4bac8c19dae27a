"""Who may see what. A view gets its data from here, and only from here, so that none can forget to ask.

Roles and their permissions are one table. Logging in and out is admin.auth's.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from flask import Flask, abort, g, redirect, request, session, url_for
from flask_babel import gettext
from flask_login import LoginManager, current_user
from werkzeug.wrappers import Response

from admin import audit_log
from admin.services import services
from blocklists import client, comparison, contents, lookup
from blocklists.comparison import Difference
from blocklists.contents import Entry, NotTaken
from blocklists.holds import Holds
from blocklists.library import Library
from blocklists.report import Decided, Found, HeldRow, ImportReport, ListStatus, Row, Switched, Version
from blocklists.review import Wanted
from blocklists.service import ImportOptions
from casework import accounts, hosts
from casework.accounts import Role
from casework.hosts import Choices, EvidencePage, HostFilter, HostPage, HostRow, Point, Reach, Sort, Step
from casework.store import audit
from casework.store.accounts import Account
from casework.store.audit import AuditEntry, Origin
from runtime.control import Refused

Permission = Literal[
    "hosts", "export", "audit", "lists", "change-lists", "campaigns", "change-campaigns", "allowed", "change-allowed"
]
PERMISSIONS: dict[Permission, frozenset[Role]] = {
    "hosts": frozenset({"operator", "security", "auditor", "administrator"}),
    "export": frozenset({"security", "administrator"}),  # a file leaves the system
    "audit": frozenset({"auditor", "administrator"}),
    "lists": frozenset({"operator", "security", "auditor", "administrator"}),
    "change-lists": frozenset({"operator", "security", "administrator"}),  # what the whole WAN is answered
    "campaigns": frozenset({"operator", "security", "auditor", "administrator"}),
    "change-campaigns": frozenset({"security", "administrator"}),
    "allowed": frozenset({"operator", "security", "auditor", "administrator"}),
    "change-allowed": frozenset({"operator", "security", "administrator"}),
}
# Open to people who are not logged in, or who have not chosen a password yet.
PUBLIC = frozenset({"static", "bootstrap.static", "auth.log_in", "overview.choose_language"})
BEFORE_PASSWORD = PUBLIC | {"auth.change_password", "auth.log_out"}
# Of the threads that serve pages so many may wait for the lists process at a time: the others go on serving.
_TURNS = threading.BoundedSemaphore(3)


class ListFound(NamedTuple):
    """A list, and the version that its settings led to, where it has any."""

    status: ListStatus
    seeded: Version | None


class Contents(NamedTuple):
    """What a version holds, as far as one page shows it."""

    entries: list[Entry]
    not_taken: dict[NotTaken, list[Row]]
    popular: list[tuple[int, str]]
    clients: int


class Person:
    """Somebody logged in, as Flask-Login wants to see them; its id is the token of this one login."""

    is_authenticated = is_active = True
    is_anonymous = False

    def __init__(self, account: Account, token: str) -> None:
        self.account = account
        self.token = token

    def get_id(self) -> str:
        """Flask-Login keeps this in the cookie."""
        return self.token

    def may(self, permission: Permission) -> bool:
        """Whether the role has the permission."""
        return self.account.role in PERMISSIONS[permission]


def install(app: Flask) -> None:
    """Find out who it is at every request, and let nobody in further than they may go."""
    manager = LoginManager()
    manager.session_protection = None  # our sessions end in the database; machines change addresses
    manager.init_app(app, add_context_processor=False)
    manager.user_loader(_load)
    app.before_request(_gate)
    app.context_processor(lambda: {"person": person()})


def person() -> Person | None:
    """Who is logged in. Nobody on the page that reports our own failure: looking might fail again."""
    if g.get("failed") or not current_user.is_authenticated:
        return None
    found: Person = current_user
    return found


def require(permission: Permission) -> Person:
    """The person, who has this permission; otherwise the request ends here."""
    who = person()
    if who is None or not who.may(permission):
        abort(403)
    return who


def origin() -> Origin:
    """Who acts now, for the audit."""
    who = person()
    return Origin(who.account.name if who else "", services().now, request.remote_addr or "")


def local_path(text: str | None) -> str:
    """A path of ours to go on to, whatever somebody put into the address."""
    if not text or not text.startswith("/") or text.startswith("//") or "\\" in text or not text.isprintable():
        return url_for("overview.home")
    return text


def _load(token: str) -> Person | None:
    account = accounts.current(services().stores.casework, token, services().now)
    return Person(account, token) if account else None


def _gate() -> Response | None:
    if request.endpoint is None or request.endpoint in PUBLIC:
        return None
    who = person()
    if who is None:
        session.pop("_user_id", None)
        back = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("auth.log_in", next=back if back != "/" else None))
    if who.account.must_change and request.endpoint not in BEFORE_PASSWORD:
        return redirect(url_for("auth.change_password"))
    return None


def list_hosts(wanted: HostFilter, sort: Sort, descending: bool, page: int, size: int) -> HostPage:
    """A page of the machines."""
    require("hosts")
    evidence = services().stores.evidence
    return hosts.list_hosts(evidence, wanted, sort=sort, descending=descending, page=page, per_page=size)


def host_choices() -> Choices:
    """What the list can be filtered by."""
    require("hosts")
    return hosts.filter_choices(services().stores.evidence)


def withdrawn_lists() -> frozenset[str]:
    """Lists that are no longer in force; machines that they found may be suspected for nothing."""
    require("hosts")
    return lookup.withdrawn(services().settings.state)


def fetch_host(host_id: int, page: int) -> HostRow:
    """One machine, to show that page of its evidence; 404 when there is none. Who looked is written down."""
    require("hosts")
    host = hosts.get_host(services().stores.evidence, host_id) or abort(404)
    with services().stores.casework.transaction() as transaction:
        audit.record(transaction, origin(), "hosts.view", host.address, {"host": host.id, "page": page})
    return host


def host_series(host: HostRow, since: int, until: int, step: Step) -> list[Point]:
    """Its hits over time."""
    require("hosts")
    zone = services().settings.time_zone
    return hosts.host_series(services().stores.evidence, host.id, since, until, step, zone)


def host_evidence(host: HostRow, page: int, size: int) -> EvidencePage:
    """Its rows of the ledger."""
    require("hosts")
    return hosts.host_evidence(services().stores.evidence, host.id, page, size)


def export_hosts(wanted: HostFilter, sort: Sort, descending: bool, reason: str) -> Iterator[HostRow]:
    """Every machine of a filter, for a file; who takes it and why is written down first."""
    require("export")
    stores = services().stores
    total = hosts.list_hosts(stores.evidence, wanted, per_page=1).total
    chosen = {
        name: value for name, value in wanted._asdict().items() if value not in {"", None} and name != "suspected"
    }
    if not wanted.suspected:
        chosen["let_through"] = True
    with stores.casework.transaction() as transaction:
        audit.record(transaction, origin(), "hosts.export", detail={"reason": reason, "machines": total, **chosen})
    return hosts.iter_hosts(stores.evidence, wanted, sort=sort, descending=descending)


def read_audit(text: str, offset: int, limit: int) -> tuple[list[AuditEntry], int]:
    """Entries of people's acts, newest first, and how many there are in all."""
    require("audit")
    return audit_log.read(services().stores.casework, text, offset, limit)


def lists_in_order() -> list[ListFound]:
    """All lists in the order in which they are asked."""
    require("lists")
    return all_lists()


def all_lists() -> list[ListFound]:
    """The same, for those who have asked for a permission of their own."""
    with _library() as library:
        today = lookup.campaigns_today(services().settings, services().clock)
        found = lookup.list_lists(library, services().settings.lists, today)
        return [ListFound(one, library.seeded(one.name)) for one in found]


def fetch_list(name: str) -> ListFound:
    """One list with its versions; 404 when there is none."""
    return next((one for one in lists_in_order() if one.status.name == name), None) or abort(404)


def list_contents(version: Version, entries: int, not_taken: int) -> Contents:
    """The first entries of a version, the first lines that were not taken of each kind, and what many visit."""
    require("lists")
    with _library() as library:
        left: dict[NotTaken, list[Row]] = {what: [] for what in contents.NOT_TAKEN}
        for what, row in contents.not_taken(library, version, not_taken):
            left[what].append(row)
        return Contents(
            contents.first_entries(library, version, entries),
            left,
            contents.visited_by_many(library, version),
            library.count_clients(version.id),
        )


def list_lines_not_taken(version: Version) -> list[tuple[NotTaken, Row]]:
    """All lines of a version that were not taken and are kept."""
    require("lists")
    with _library() as library:
        return list(contents.not_taken(library, version))


def held_rows(version: Version, limit: int = -1) -> list[HeldRow]:
    """Rows of a version that the guard held, those first that wait for a person."""
    require("lists")
    with _library() as library:
        return Holds(library).rows(version, limit)


def list_reach(name: str) -> Reach:
    """How many machines asked for what a list has, whatever they were answered."""
    require("hosts")
    return hosts.reach(services().stores.evidence, name)


def list_difference(before: Version, after: Version, rows: int) -> Difference:
    """What the later version of a list has different. Refused where the rows of one are no longer kept."""
    require("lists")
    with _library() as library:
        return comparison.compare(library, before.list, before.number, after.number, rows)


def search_lists(text: str) -> list[Found]:
    """Rows of all lists that cover a name or address. Refused where the text is neither."""
    require("lists")
    with _library() as library:
        return lookup.search(library, text)


def import_list(file: Path, options: ImportOptions) -> ImportReport:
    """A new version of a list; the lists process makes it, and audits the account. Raises Refused or Unreachable."""
    account = require("change-lists").account.name
    with _turn():
        return client.import_file(services().settings, file, options, account=account)


def activate_list(name: str, number: int) -> Switched:
    """Make a version live, as above."""
    account = require("change-lists").account.name
    with _turn():
        return client.activate(services().settings, name, number, account)


def decide_rows(wanted: Wanted) -> Decided:
    """Approve or refuse held rows, as above."""
    account = require("change-lists").account.name
    with _turn():
        return client.decide(services().settings, wanted, account)


def rollback_list(name: str) -> Switched:
    """Back to the version that was live before, as above."""
    account = require("change-lists").account.name
    with _turn():
        return client.rollback(services().settings, name, account)


def withdraw_list(name: str) -> Switched:
    """Take a list out of the policy, as above."""
    account = require("change-lists").account.name
    with _turn():
        return client.withdraw(services().settings, name, account)


@contextmanager
def _library() -> Iterator[Library]:
    with closing(Library.reader(services().settings.state)) as library:
        if not library.is_current:
            abort(503)  # of an older version: its writer brings it up to date
        yield library


@contextmanager
def _turn() -> Iterator[None]:
    if not _TURNS.acquire(blocking=False):
        raise Refused(gettext("Others are changing lists just now: wait a moment and try again."))
    try:
        yield
    finally:
        _TURNS.release()
