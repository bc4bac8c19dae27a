"""One resolver worker as a process: `python -m resolver --worker N [--config FILE]`.

Only the start and the end; resolver.worker is the wiring.
"""

from __future__ import annotations

import logging
import sys

from twisted.internet import reactor  # noqa: TID251  a __main__ file
from twisted.internet.error import CannotListenError

from resolver.worker import Worker
from runtime import process


def main() -> int:
    """Run until told to stop. Exit code 2: the settings are wrong; 3: an address cannot be bound."""
    parser = process.arguments("resolver", "One resolver worker.")
    parser.add_argument("--worker", type=int, default=0, help="its number, from 0")
    given = parser.parse_args()
    settings = process.settings_or_exit(given.config)
    process.setup_logging(f"resolver-{given.worker}")
    worker = Worker(reactor, settings, given.worker)
    try:
        worker.start()
    except (OSError, CannotListenError) as error:  # the latter, which is no OSError: the control socket
        logging.getLogger("resolver").error(  # noqa: TRY400  a line for the operator, no traceback
            "cannot listen on %s: %s%s",
            *(", ".join(settings.dns.listen), error),
            " (does another worker of this number run?)" if isinstance(error, CannotListenError) else "",
        )
        return 3
    process.run(reactor, stop=worker.stop, reload=worker.reload)
    return 0


if __name__ == "__main__":
    sys.exit(main())
