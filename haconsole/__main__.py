"""The entry point. `--version` answers before anything else is imported: scripts ask it often."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from haconsole.version import __version__

        sys.stdout.write(f"haconsole {__version__}\n")
        return 0
    # Importing makes much and throws little away: looking for garbage meanwhile is a tenth of the start.
    gc.set_threshold(50_000, 20, 20)
    from haconsole.cli.main import run

    code = run(sys.argv[1:])
    gc.freeze()  # looking once more for garbage, at the end of the process, is a tenth of a short one's time
    return code


if __name__ == "__main__":
    sys.exit(main())
