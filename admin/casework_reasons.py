"""Sentences of casework in the reader's language: why a campaign or an allowed name cannot be so.

Only words, as in admin.list_reasons.
"""

from __future__ import annotations

from admin import list_reasons


def _(text: str) -> str:
    """Marks a text for the catalogue."""
    return text


SENTENCES = (
    # campaigns
    _("%(id)s is no id: use a-z, 0-9, '.', '_' and '-', at most 64"),
    _("a title is needed"),
    _("more than %(count)s"),
    _("longer than %(count)s characters"),
    _("a character that cannot be shown"),
    _("%(link)s is no address of a page: it begins with https:// or http://"),
    _("%(day)s is before the first day %(first)s"),
    _("%(word)s is none of %(words)s"),
    _("no unit has the code %(unit)s"),
    _("%(text)s is no day: write 2026-12-31 or 31/12/2026"),
    _("%(text)s is no deadline: write a day, and behind it what is due to whom"),
    _("there is a campaign %(id)s already"),
    _("campaign %(id)s was changed by somebody else meanwhile"),
    _("campaign %(id)s begins %(day)s: it cannot end %(end)s"),
    _("campaign %(id)s ends %(day)s anyway"),
    # allowed names
    _("the reason is too short, at least %(count)s letters: others will read it and ask why"),
    _("the owner: a name, at most %(count)s characters"),
    _("%(name)s is no domain name: %(why)s"),
    _("%(name)s is a whole top-level domain; allow the name that is needed"),
    _("%(name)s is a public suffix: names below it belong to many; allow the one that is needed"),
    _("%(name)s is not allowed by itself; it is below %(above)s, which is"),
    _("%(name)s is not allowed by itself"),
)


def said(sentence: str) -> str:
    """The sentence in the language of the page."""
    return list_reasons.said(sentence, SENTENCES)
