"""The admin process: `python -m admin --config FILE` serves the staff pages until it is told to stop.

Only starting and stopping: the application is create_app's, the port admin.server's.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any, cast

from twisted.internet import reactor  # noqa: TID251  a __main__ file
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorUNIX

from admin import create_app
from admin.server import Server
from casework.store.engine import WrongDatabase
from contracts.control import RunFolder
from runtime import process
from runtime.control import ControlFactory, Handler, listen

log = logging.getLogger(__name__)


def main() -> None:
    """Read the settings, listen, serve."""
    options = process.arguments("admin", "Serve the staff pages.").parse_args()
    settings = process.settings_or_exit(options.config)
    process.setup_logging("admin")
    started = time.time()
    try:
        server = Server(reactor, create_app(settings))
        server.start(settings.admin.listen)
        # Bound last: whoever waits for the control socket finds the pages answering.
        operations: dict[str, Handler] = {"status": lambda _call: status()}
        control: Any = listen(
            cast("IReactorUNIX", reactor), RunFolder(settings.state).control("admin"), ControlFactory(operations)
        )
    except (CannotListenError, WrongDatabase, OSError, ValueError) as error:
        print(f"admin: {error}", file=sys.stderr)
        raise SystemExit(1) from error

    def status() -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "started": started,
            "listen": str(settings.admin.listen),
            "requests": server.site.requests,
        }

    async def stop() -> None:
        await control.stopListening()
        await server.stop()

    log.info("staff pages on http://%s/", settings.admin.listen)
    process.run(reactor, stop=stop)


if __name__ == "__main__":
    main()
