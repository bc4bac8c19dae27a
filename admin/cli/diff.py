"""`sinkhole lists diff`: what two versions of a list have different.

Only what people see: comparing is blocklists.comparison's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from admin.cli.terminal import clean, echo_json, number, table

if TYPE_CHECKING:
    from blocklists.comparison import Difference

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_SHOWN = 50


@click.command("diff")
@click.argument("name")
@click.argument("before", type=int, required=False)
@click.argument("after", type=int, required=False)
@click.option(
    "--limit", type=click.IntRange(0, 1_000_000), default=_SHOWN, show_default=True, help="Rows of each kind."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.pass_obj
def command(obj: Any, name: str, before: int | None, after: int | None, limit: int, as_json: bool) -> None:
    """Show what version AFTER of list NAME has different from version BEFORE.

    Without them: what waits beside what is live, else what is live beside what was before it. With BEFORE alone: that
    beside what is live.
    """
    from blocklists.comparison import compare, usual
    from blocklists.library import Library
    from runtime.control import Refused

    library = Library.reader(obj.settings.state)
    try:
        if before is None:
            before, after = usual(library, name)
        elif after is None:
            live = library.live(name)
            if live is None:
                raise click.UsageError(clean(f"nothing of {name} is live: name both versions"))
            after = live.number
        found = compare(library, name, before, after, limit)
    except Refused as error:
        raise click.UsageError(clean(str(error))) from error
    finally:
        library.close()
    if as_json:
        echo_json(found)
    else:
        _show(found)


def _show(found: Difference) -> None:
    click.echo(
        clean(
            f"{found.list}: version {found.after} beside version {found.before}: {number(found.added)} added, "
            f"{number(found.removed)} removed, {number(found.changed)} changed, {number(found.same)} the same"
        )
    )
    rows = [
        (_SIGNS[one.what], one.indicator, f"line {one.line}", one.kind, one.family, one.letter, one.source, one.action)
        for one in found.rows
    ]
    if rows:
        click.echo(table(rows, indent=2))
    total = found.added + found.removed + found.changed
    if total > len(rows):
        click.echo(f"  ... the first {len(rows)} of {number(total)}; --limit shows more")
