"""Sentences of the lists process in the reader's language: why a line was not taken, why an operation was refused.

Only words. A sentence that nobody has translated is shown as it was written, so that none is lost.
"""

from __future__ import annotations

import functools
import re

from flask_babel import gettext

_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")  # as pages write it: the Vietnamese way


def _(text: str) -> str:
    """Marks a text for the catalogue."""
    return text


# As blocklists writes them; what stands in %(…)s is a name, a number or a word of the file.
SENTENCES = (
    # lines
    _("empty"),
    _("longer than %(count)s characters"),
    _("longer than %(count)s octets"),
    _("more than one word: no single name or address"),
    _("no valid IP address"),
    _("an e-mail address"),
    _("no name or address"),
    _("URL with a path on an address, which many may share: a person must decide"),
    _("URL on a shared host: a person must decide (%(why)s)"),
    _("anybody may put files or pages on %(host)s"),
    _("%(host)s is among the most visited"),
    _("%(host)s is a public suffix"),
    _("a formula; write what it gives as text"),
    _("a network with bits set behind its prefix"),
    _("text behind the address"),
    _("not a name, nor an address with a port"),
    _("no valid internationalised name: %(why)s"),
    _("a file hash, no name"),
    _("an empty label (two dots)"),
    _("a label longer than 63 characters"),
    _("a character no host name has: %(character)s"),
    _("no top-level domain: %(label)s"),
    _("not UTF-8 text (octet %(place)s)"),
    _("expected an address and a name"),
    _("the first word is no address that leads nowhere (0.0.0.0, 127.0.0.1, ::1)"),
    _("an address where a name is expected"),
    _("no CSV: %(why)s"),
    _("no indicator in this row"),
    # what no list may block by itself
    _("held: %(why)s"),
    _("parent of %(name)s, a service for time or updates"),
    _("%(name)s is a service for time or updates"),
    _("protected domain %(domain)s"),
    _("parent of the protected domain %(domain)s"),
    _("a kill-switch name: it belongs in a list of that kind"),
    _("a single label: a top-level domain or a host without domain"),
    _("a public suffix: others register names below it"),
    _("no address of a machine (unspecified, loopback, link-local, multicast or reserved)"),
    _("holds all clients of %(unit)s: a list may name machines, not whole agencies"),
    _("wider than /%(prefix)s: it belongs to many"),
    _("holds all clients of %(network)s (dns.allowed_clients)"),
    _("touches an internal network %(network)s"),
    _("touches the sinkhole pool %(network)s"),
    _("touches the unit %(unit)s"),
    _("touches the upstream %(network)s"),
    # who may let go what is held
    _("%(found)s names and addresses where version %(version)s had %(was)s: a person must look"),
    _("version %(version)s of %(list)s was imported by %(name)s: another person must let it go (guard.two_person)"),
    _("%(indicator)s %(why)s: it cannot be enforced; import the list with its addresses recorded only"),
    _("give a reason of at most %(count)s characters"),
    _("version %(version)s of %(list)s holds no rows"),
    _("version %(version)s of %(list)s holds no row %(text)s; %(command)s shows what it holds"),
    _("version %(version)s of %(list)s has nothing that may be used: its rows are held; %(command)s shows them"),
    _("nothing to do: that is decided already of these rows of version %(version)s of %(list)s"),
    _("%(count)s held rows were decided in an earlier version, which holds on"),
    # operations
    _("this file is %(what)s; %(read)s"),
    _("this file looks like %(what)s; %(read)s"),
    _("this file is %(what)s"),
    _("an Office document or ZIP archive that is damaged: %(why)s"),
    _("an archive with a password; unpack it first"),
    _("a ZIP archive; unpack it first"),
    _("JSON, of no known kind"),
    _("compressed with gzip; unpack it first"),
    _("a PDF document"),
    _("no usable indicator in it; what was live stays live"),
    _("import takes a file that is not empty"),
    _("%(name)s is no list name: use a-z, 0-9, '.', '_' and '-', at most 64"),
    _("the list kill-switch comes with the product; give a list of your own another name"),
    _("kill-switch names must resolve: their list takes the mode passthru"),
    _("no campaign has the id %(id)s; known: %(known)s"),
    _("%(zone)s is no name of a zone: %(why)s"),
    _("a zone is named, and the file is no response policy zone: %(why)s; leave --zone out, or say --format rpz"),
    _("the list kill-switch is never withdrawn: blocking those names arms the malware"),
    _("nothing of %(list)s is live; %(command)s chooses one"),
    _("nothing of %(list)s is live"),
    _("no version of %(list)s before version %(version)s was ever live"),
    _("the rows of the earlier versions of %(list)s are no longer kept"),
    _("the rows of version %(version)s of %(list)s are no longer kept"),
    _("%(operation)s failed (%(why)s); the policy that is live stays live"),
    _("the lists process was stopped; nothing was changed"),
    _("the lists process is stopping"),
    _("only the process of the staff pages may act for an account"),
    _("%(text)s is no name and no address: %(why)s"),
    # dates of campaigns
    _("campaign %(id)s begins %(day)s: only watched"),
    _("campaign %(id)s begins %(day)s: not in force"),
    _("campaign %(id)s ended %(day)s: only watched"),
    _("campaign %(id)s ended %(day)s: not in force"),
    _("%(count)s rows of the unknown kind %(kind)s were taken as the list's own kind"),
)


def said(sentence: str, sentences: tuple[str, ...] = SENTENCES) -> str:
    """The sentence in the language of the page."""
    for text, pattern in _patterns(sentences):
        if found := pattern.fullmatch(sentence):
            values = found.groupdict()
            values |= {key: said(value) for key, value in values.items() if key in {"why", "what"}}
            values |= {key: _DAY.sub(r"\3/\2/\1", values[key]) for key in ("day", "first", "end") if key in values}
            return str(gettext(text, **values))
    return sentence


@functools.cache
def _patterns(sentences: tuple[str, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((text, _pattern(text)) for text in sentences)


def _pattern(text: str) -> re.Pattern[str]:
    """What the text looks like once it is filled in."""
    parts = re.split(r"%\((\w+)\)s", text)
    filled = [re.escape(part) if place % 2 == 0 else f"(?P<{part}>.+)" for place, part in enumerate(parts)]
    return re.compile("".join(filled), re.DOTALL)
