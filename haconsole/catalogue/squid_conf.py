"""Reading squid.conf, as far as forecasts need it: how long squid waits when it is told to stop.

Other lines of the file hold secrets (`cache_peer login=`, `cachemgr_passwd`): the node prints
lines of the few directives alone, and with root's rights it runs no other text. Files named by `include` are
followed, 99 at most. Anybody may read the file on Debian; on RHEL it is root's and squid's (0640).
Sources: squid.conf.documented, src/cache_cf.cc of squid; proc(5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from haconsole.catalogue.command import CommandSpec, Root
from haconsole.model.events import Subject

FILE: Final = "/etc/squid/squid.conf"
"""Where Debian and RHEL have it; a squid that was started with another file says so in its arguments."""

PID_FILE: Final = "/run/squid.pid"
"""Where both have it (squid's own default is another place: then its arguments are not looked at)."""

# A backslash at the end (character 92) goes on in the next line: only lines of these directives are told, and
# what goes on from them. Comments and empty lines between do not end a line.
_AWK: Final = """
BEGIN { b = sprintf("%c", 92); k = 0; m = 0 }
{ sub(sprintf("%c", 13) "$", "") } !NF || $1 ~ /^#/ { next }
{ if (!k) m = ($1 ~ /^(shutdown_lifetime|include|if|else|endif)$/);
if (m) print (k ? "more " : "line ") substr($0, 1, 1000);
k = (substr($0, length($0)) == b) }
"""
_NAMES: Final = """$1 == "line" && $2 == "include" { for (i = 3; i <= NF; i++) { gsub(/"/, "", $i); print $i } }"""
_TEXT: Final = f"""
{{ LC_ALL=C; export LC_ALL;
if [ -r {PID_FILE} ] && read -r p x < {PID_FILE}; then case $p in ""|*[!0-9]*) ;;
*) [ ! -r /proc/$p/cmdline ] || xargs -0 echo args < /proc/$p/cmdline | head -n 1;; esac; fi;
set -- {FILE}; n=0;
while [ $# -gt 0 ] && [ $n -lt 99 ]; do n=$((n+1)); f=$1; shift;
if [ -f "$f" ] && [ -r "$f" ] && t=$(awk '{" ".join(_AWK.split())}' < "$f"); then
echo "file $f"; [ -z "$t" ] || printf %s "$t" | awk 1;
set -- "$@" $(printf %s "$t" | awk '{_NAMES}'); else echo "unread $f"; fi; done;
[ $# = 0 ] || echo "unread $1"; }}
"""


def _entry(name: str, root: Root) -> CommandSpec:
    return CommandSpec(
        id=name,
        argv=("/bin/sh", "-c", " ".join(_TEXT.split())),
        subject=Subject.SQUID_CHECK,
        root=root,
        timeout_s=4,
        limit=64 * 1024,
        doc="shutdown_lifetime in squid.conf and the files that it includes: how long squid takes to stop.",
    )


SQUID_CONF: Final = _entry("squid.conf", Root.NO)
SQUID_CONF_AS_ROOT: Final = _entry("squid.conf-as-root", Root.NEEDED)
"""The same, where the login may not read the file."""

COMMANDS: Final[Mapping[str, CommandSpec]] = {c.id: c for c in (SQUID_CONF, SQUID_CONF_AS_ROOT)}
"""By id."""
