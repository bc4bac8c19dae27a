"""The list of machines suspected of malware, one machine with its evidence, and the list as a file.

What a filter finds is casework.hosts'; whether a person may see it, admin.access'.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, cast

from flask import Blueprint, Response, flash, redirect, render_template, request, stream_with_context, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from admin import access, chart, hosts_file, paging
from admin.first_hit import first_hit_command, listed_name
from admin.hosts_form import ExportForm, FilterForm, list_query
from admin.paging import Pager
from admin.services import services
from casework.hosts import EVERY_HOST, SORTS, SUSPECTED, HostPage, HostRow, Sort, Step

blueprint = Blueprint("hosts", __name__, url_prefix="/hosts")
PAGE = 50
NOTHING = HostPage([], 0)
HOUR, DAY = 3600, 86_400
HOURLY_UP_TO = 4 * DAY  # longer histories are shown by the day
LONGEST = 120 * DAY


class Order(NamedTuple):
    """The column the list is sorted by."""

    sort: Sort
    descending: bool

    def link(self, column: str) -> str:
        """Address of the list sorted by a column; the same column again turns it round."""
        turned = not self.descending if column == self.sort else column in {"last_seen", "first_seen", "hits"}
        return paging.link(sort=column, order="desc" if turned else "asc")

    def state(self, column: str) -> str:
        """For aria-sort."""
        return "none" if column != self.sort else "descending" if self.descending else "ascending"


@blueprint.get("/")
def show_list() -> str:
    """A page of the list."""
    form, order, number = _form(), _order(), paging.asked_page()
    wanted = form.host_filter(services().zone) if form.check() else None
    found = access.list_hosts(wanted, order.sort, order.descending, number, PAGE) if wanted is not None else NOTHING
    # Where lists only let machines through there is none to be shown at first, but the beginning is over.
    begun = wanted != SUSPECTED or found.total or access.list_hosts(EVERY_HOST, "last_seen", True, 1, 1).total
    return render_template(
        "hosts/list.html",
        form=form,
        rows=found.rows,
        withdrawn=access.withdrawn_lists(),
        pager=Pager(number, PAGE, found.total),
        order=order,
        filtered=wanted != SUSPECTED or (begun and not found.total),
        wrong=wanted is None,
        back=list_query(request.query_string.decode("ascii", "replace")),
        export=ExportForm(),
        may_export=_may_export(),
        now=services().now,
        settings=services().settings,
        command="" if begun else _command_to_try(),
    )


def _command_to_try() -> str:
    name = listed_name(services().settings)
    return first_hit_command(services().settings, name) if name else ""


@blueprint.post("/export.csv")
def export() -> AnyResponse:
    """The list, as filtered in the address, as a CSV file."""
    asked = ExportForm()
    access.require("export")
    back = f"{url_for('hosts.show_list')}?{request.query_string.decode('ascii', 'replace')}"
    if not asked.validate():
        flash(gettext("Please say what the file is for (at least 5 characters)."), "danger")
        return redirect(back)
    form, order, zone = _form(), _order(), services().zone
    if not form.check():
        return redirect(back)
    wanted = form.host_filter(zone)
    rows = access.export_hosts(wanted, order.sort, order.descending, asked.reason.data.strip())
    name = f"may-nghi-nhiem-{datetime.fromtimestamp(services().now, zone):%Y%m%d-%H%M%S}.csv"
    return Response(
        stream_with_context(hosts_file.text(rows, zone, access.withdrawn_lists())),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@blueprint.get("/<int:host_id>")
def show(host_id: int) -> str:
    """One machine: what it asked for, when, and the ledger's rows that prove it."""
    number = paging.asked_page()
    host = access.fetch_host(host_id, number)
    step, since = _period(host)
    points = access.host_series(host, since, host.last_seen, step)
    evidence = access.host_evidence(host, number, PAGE)
    return render_template(
        "hosts/show.html",
        host=host,
        withdrawn=access.withdrawn_lists(),
        back=list_query(request.args.get("back")),
        step=step,
        campaigns=dict(access.host_choices().campaigns),
        chart=chart.bar_chart(points, lambda second: _axis(second, step)),
        drawn=chart,
        evidence=evidence.rows,
        unclear=evidence.unclear,
        left_out=evidence.left_out,
        pager=Pager(number, PAGE, host.hits, evidence.more),
    )


def _form() -> FilterForm:
    form = FilterForm(request.args)
    form.offer(access.host_choices())
    return form


def _order() -> Order:
    sort = request.args.get("sort", "last_seen")
    return Order(cast("Sort", sort) if sort in SORTS else "last_seen", request.args.get("order", "desc") != "asc")


def _may_export() -> bool:
    who = access.person()
    return who is not None and who.may("export")


def _period(host: HostRow) -> tuple[Step, int]:
    """How fine the chart is, and where it begins."""
    if host.last_seen - host.first_seen <= HOURLY_UP_TO:
        return "hour", min(host.first_seen, host.last_seen - 12 * HOUR)
    return "day", max(host.first_seen, host.last_seen - LONGEST)


def _axis(second: int, step: Step) -> str:
    moment = datetime.fromtimestamp(second, services().zone)
    return f"{moment:%d/%m %H:%M}" if step == "hour" else f"{moment:%d/%m/%Y}"
