"""What was asked for can be nobody's to do, whatever the state: for commands, whose exit codes tell it from a plain no.

Each module's own errors stand in that module; those for such a request are of this kind, too.
"""

from __future__ import annotations


class WrongInput(Exception):
    """A name, address, time or reason that cannot be meant so."""
