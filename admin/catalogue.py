"""Renews the Vietnamese catalogue from the texts in the code: `make catalogue`, after changing any text.

For developers only: the pages read the compiled .mo file that stands beside the .po in translations/.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ADMIN = Path(__file__).parent
PO = ADMIN / "translations/vi/LC_MESSAGES/messages.po"
MO = PO.with_suffix(".mo")
METHODS = [("cli/**.py", "ignore"), ("supervise/**.py", "ignore"), ("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}
HEAD = "# Vietnamese texts of the staff pages. Renew with: python -m admin.catalogue"
TRIM = {"templates/**.html": {"trimmed": "true", "silent": "false"}}


def extracted() -> Catalog:
    """Every text of the code, untranslated."""
    found = Catalog(charset="utf-8")
    for file, _line, message, comments, context in extract_from_dir(
        ADMIN, METHODS, options_map=TRIM, keywords=KEYWORDS
    ):
        found.add(message, locations=[(file, 0)], auto_comments=comments, context=context)
    return found


def translated() -> Catalog:
    """The catalogue as it is in the repository."""
    with PO.open("rb") as file:
        return read_po(file, locale="vi")


def compiled(catalogue: Catalog) -> bytes:
    """What the .mo file should hold."""
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def untranslated(catalogue: Catalog) -> list[str]:
    """Texts whose translation is missing or only guessed."""
    return [str(message.id) for message in catalogue if message.id and (message.fuzzy or not _whole(message.string))]


def main() -> None:
    """Add new texts, drop old ones, compile; exit 1 while something is untranslated."""
    catalogue = translated() if PO.exists() else Catalog(locale="vi", header_comment=HEAD, charset="utf-8")
    created = catalogue.creation_date
    catalogue.update(extracted(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.creation_date = created  # nothing changes in the files when no text did
    catalogue.project, catalogue.version, catalogue.fuzzy = "wan-sinkhole", "", False
    catalogue.msgid_bugs_address = ""
    PO.parent.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as file:
        write_po(file, catalogue, width=120, omit_header=False, sort_output=True, include_lineno=False)
    MO.write_bytes(compiled(catalogue))
    missing = untranslated(catalogue)
    for text in missing:
        print(f"untranslated: {text}", file=sys.stderr)
    if missing:
        raise SystemExit(1)


def _whole(string: str | tuple[str, ...] | list[str] | None) -> bool:
    return bool(string) if string is None or isinstance(string, str) else all(string)


if __name__ == "__main__":
    main()
