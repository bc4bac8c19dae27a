"""The recorder process: `python -m casework --config FILE`.

Only wiring: what it does stands in casework.recorder and casework.intake.
"""

from __future__ import annotations

import gc
import logging
import sys
import time
from zoneinfo import ZoneInfo

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError

from casework.intake import Intake
from casework.recorder import Recorder
from casework.seed import seed
from casework.store.audit import Origin
from casework.store.engine import DatabaseError, WrongDatabase, open_casework, open_evidence
from contracts.control import RunFolder
from contracts.settings import Settings
from runtime import control, process

log = logging.getLogger(__name__)


def main() -> None:
    """Run until SIGTERM."""
    settings = process.settings_or_exit(process.arguments("casework", "Records hits.").parse_args().config)
    process.setup_logging("recorder")
    _prepare(settings)

    from twisted.internet import reactor  # noqa: TID251  __main__ is where the reactor is imported

    started = time.time()
    intake = Intake(reactor, Recorder(settings.state, settings.node, ZoneInfo(settings.time_zone)))
    run_folder = RunFolder(settings.state)
    factory = control.ControlFactory({"status": lambda _call: {"started": started, **intake.status()}})
    try:
        control.listen(reactor, run_folder.control("recorder"), factory)  # type: ignore[arg-type]  # a module is no class
        intake.start(run_folder.hits)
    except CannotListenError as error:
        sys.exit(f"recorder: {error} (does another recorder run?)")
    log.info("taking hits on %s", run_folder.hits)
    # Rows make millions of small objects and no cycles: look for cycles rarely, and never among what is here now.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    process.run(reactor, stop=lambda: Deferred.fromCoroutine(intake.stop()), reload=intake.reload)


def _prepare(settings: Settings) -> None:
    """Make, migrate and seed the databases; one that we must not touch ends the process with a sentence."""
    try:
        casework = open_casework(settings.state)
        seed(casework, settings, Origin("recorder", int(time.time())))
        casework.close()
        open_evidence(settings.state).close()
    except WrongDatabase as error:
        sys.exit(f"recorder: {error}")
    except (DatabaseError, OSError) as error:
        log.warning("databases not ready, going on: %s", error)


if __name__ == "__main__":
    main()
