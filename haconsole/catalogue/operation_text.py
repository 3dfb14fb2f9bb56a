"""The shell text of operations: what the node itself does to lock, save, arm, heal and disarm.

Every text here is one `{ ...; }` group on one line, without arguments. That is what makes it safe
to grant by an exact sudoers line: sudo joins arguments with blanks before it compares, so a login
may cut the line into arguments elsewhere, but a cut group is a syntax error, of which nothing runs.
What varies (operation, slot, seconds, note) comes as data on standard input and is checked there.

No backslash (sudoers(5) has two levels of them) and, in reverts, no single quote (they are quoted
once more). POSIX sh; dash and bash; coreutils, util-linux and iproute2 as in CentOS 7 and later.
Time is the node's /proc/uptime, never a wall clock.
"""

from __future__ import annotations

from typing import Final

HOME: Final = "/run/haconsole"
SLOTS: Final = ("a", "b")
"""Two timers a node, used in turn: extending arms the second before it disarms the first."""
REVERT_UNIT: Final = "haconsole-revert-"
CHANGE_UNIT: Final = "haconsole-change"
DEADLINES_S: Final = (15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800)
"""The only times after which a revert can be armed to run."""
LEASE_S: Final = 15
"""A lock without a heartbeat for so long is stale, if nothing is armed."""
LOCK_MARGIN_S: Final = 5
"""A lock outlives the deadline of an armed revert by so much."""


def group(text: str) -> str:
    """Lines of shell as one group on one line, with single blanks. A line must end where a blank may follow."""
    return "{ " + " ".join(text.split()) + " }"


_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C; export PATH LC_ALL; umask 022; set -f; cd /;"
_PLACES = f"h={HOME}; l=$h/lock; d=$h/operation;"

# One line a fact: its name, a blank, its value. Files hold one line each, written by these texts only.
_TELL = """
tell() { echo $1; read -r u x < /proc/uptime; echo uptime $u; read -r x < /proc/sys/kernel/random/boot_id; echo boot $x;
for f in lock/expires lock/owner drain operation/id operation/revert operation/deadline-a operation/deadline-b
operation/outcome; do if [ -f $h/$f ]; then printf '%s ' $f; head -c 4000 $h/$f | head -n 1; fi; done;
for z in a b; do if [ -h $d/decided-$z ]; then echo decided-$z $(readlink $d/decided-$z); fi; done; };
"""

_WORD = "case $i in ''|*[!0-9a-z-]*) echo bad; exit 64;; esac;"

# fd 9 is the lock of every text here against another one at the same time; it ends with its process.
_HELD = """
mkdir -p $h; exec 9< $h; flock -w 3 9 || { tell busy; exit 75; };
read -r b < /proc/sys/kernel/random/boot_id; read -r u x < /proc/uptime; u=${u%.*};
p=; q=; e=; if [ -f $l/expires ]; then read -r p q e x < $l/expires; fi; case $e in ''|*[!0-9]*) e=0;; esac;
"""
_OURS = "[ $p. = $i. ] || { tell lost; exit 0; };"
_KEEP = f"""
keep() {{ e=$((u+{LEASE_S})); for f in a b; do if [ -f $d/deadline-$f ]; then read -r x < $d/deadline-$f;
case $x in ''|*[!0-9]*) ;; *) [ $((x+{LOCK_MARGIN_S})) -gt $e ] && e=$((x+{LOCK_MARGIN_S}));; esac; fi; done;
echo $i $b $e > $l/expires.new && mv -f $l/expires.new $l/expires; }};
"""
_REVERTING = f"systemctl -q is-active {REVERT_UNIT}a.service {REVERT_UNIT}b.service"
_ARMED = f"systemctl -q is-active {REVERT_UNIT}a.timer {REVERT_UNIT}b.timer"

STATE: Final = group(f"{_PATH} {_PLACES} {_TELL} tell state;")
"""What /run/haconsole tells. Reads only; anybody may."""

# The owner's line is written before the line that counts, by rename. A lock without the latter is
# nobody's: its maker held fd 9, and died.
LOCK: Final = group(f"""
{_PATH} {_PLACES} {_TELL} {_KEEP}
IFS= read -r v; IFS= read -r i; IFS= read -r o; IFS= read -r j; {_WORD}
{_HELD}
if [ -z "$p" ]; then s=free; elif [ $p = $i ]; then s=own; elif [ $p. = $o. ]; then s=named;
elif [ $q. != $b. ] || [ $u -gt $e ]; then s=stale; else s=held; fi;
case $v.$s in
renew.own) keep && tell taken || tell failed ;;
take.own|take.free|take.named)
if [ $s != own ] && [ -d $d ] && {_REVERTING}; then tell reverting; exit 0; fi;
mkdir -p $l && printf %s "$j" | head -c 4000 > $l/owner.new && echo >> $l/owner.new &&
mv -f $l/owner.new $l/owner && keep && tell taken || {{ [ $p ] || rm -rf $l; tell failed; }} ;;
release.own) rm -f $l/expires && rm -rf $l && tell released || tell failed ;;
release.free) tell released ;;
renew.*) tell lost ;;
take.*|release.*) tell $s ;;
*) echo bad; exit 64 ;; esac;
""")
"""Standard input: `take`, `renew` or `release`; the operation; the operation whose lock may be
replaced, by name (or empty); the owner as one line of JSON. A stale lock is told, not taken: who
asks then names it, and gets it only if it is still that one. Taking one's own again writes the owner
anew: so an operation is taken over under its own name."""


def save(keepalived: str, squid: str, drain_file: str, interface: str | None) -> str:
    """The text that saves what will have to be the same afterwards, and tells it.

    Standard input: the operation; the addresses that keepalived manages, with blanks between.
    """
    return group(f"""
{_PATH} {_PLACES} {_TELL}
IFS= read -r i; IFS= read -r w; {_WORD} case $w in *[!0-9a-f:.' ']*) echo bad; exit 64;; esac;
{_HELD} {_OURS}
if {_ARMED} || {_REVERTING}; then tell armed; exit 0; fi;
fail() {{ rm -rf $d; tell failed; echo "why $1"; exit 0; }};
rm -rf $d; mkdir $d && echo $i > $d/id || fail 'cannot write';
for k in {keepalived} {squid}; do echo $k $(systemctl is-active $k.service) >> $d/units || fail 'cannot write'; done;
[ $(head -n 2 $d/units | wc -w) = 4 ] || fail 'unit states not read';
if [ -f {drain_file} ]; then head -c 100 {drain_file} | head -n 1 > $d/drain-file || fail 'drain file not read'; fi;
{_save_interface(interface) if interface else ""}
tell saved; while read -r x; do echo "unit $x"; done < $d/units;
if [ -f $d/drain-file ]; then echo drain-file $(cat $d/drain-file); fi;
{_tell_interface(interface) if interface else ""}
""")


_EACH = "for f in 4 6; do [ $f = 4 ] || [ -d /proc/sys/net/ipv6 ] || continue; for p in boot static dhcp; do"


def _save_interface(name: str) -> str:
    # Routes twice: as the kernel gives them (exact), and as text (to tell, and to add one by one what
    # depends on another). Read back: as many of the one as of the other. Addresses that come by
    # themselves (router advertisements) are left out, as are keepalived's.
    return f"""
[ -d /sys/class/net/{name} ] || fail 'no such interface'; {_EACH}
ip -$f route save table all dev {name} proto $p > $d/{name}-route$f-$p || fail 'routes not saved';
ip -o -$f route show table all dev {name} proto $p > $d/{name}-text$f-$p || fail 'routes not shown';
sed -i -e 's/ linkdown//' -e 's/ dead//' $d/{name}-text$f-$p || fail 'cannot write';
[ $(ip -o -$f route showdump < $d/{name}-route$f-$p | wc -l) = $(wc -l < $d/{name}-text$f-$p) ] ||
fail 'saved routes not read back';
done; done;
ip -o -6 addr show dev {name} scope global > $d/{name}-list6 && : > $d/{name}-addr6 || fail 'addresses not saved';
while read -r x n t a r; do
case " $r " in *' dynamic '*|*' temporary '*) continue;; esac; case " $w " in *" ${{a%/*}} "*) continue;; esac;
k=; case " $r " in *' noprefixroute '*) k=' noprefixroute';; esac;
echo "$a$k" >> $d/{name}-addr6 || fail 'cannot write';
done < $d/{name}-list6; rm -f $d/{name}-list6;
"""


def _tell_interface(name: str) -> str:
    return f"""
{_EACH} while read -r x; do echo "route$f $p $x"; done < $d/{name}-text$f-$p; done; done;
while read -r x; do echo "addr6 $x"; done < $d/{name}-addr6; echo interface {name};
"""


def read_back(name: str) -> str:
    """The text that tells an interface's routes and global IPv6 addresses as `save` tells what it saved. Reads only;
    anybody may."""
    return group(f"""
{_PATH} echo there; [ -d /sys/class/net/{name} ] || {{ echo why no such interface; exit 0; }}; {_EACH}
ip -o -$f route show table all dev {name} proto $p | sed -e 's/ linkdown//' -e 's/ dead//' |
while read -r x; do echo "route$f $p $x"; done; done; done;
ip -o -6 addr show dev {name} scope global | while read -r x n t a r; do echo "addr6 $a"; done; echo interface {name};
""")


def arm(kind: str, revert: str, interface: str | None = None) -> str:
    """The text that arms `revert` (a group without single quotes), which belongs to changes of `kind`.

    `interface`: only if what was saved is that interface's.

    Standard input: the operation; `a` or `b`; seconds out of DEADLINES_S. The revert travels packed:
    systemd 252 writes `;` and `$` of a transient unit so that after a daemon-reload they are read
    as something else (run on 252.39), and a package upgrade reloads. 219 reads lines of 2 KiB.
    """
    deadlines = "|".join(map(str, DEADLINES_S))
    unit = f"{REVERT_UNIT}$s"
    saved = f"[ -f $d/{interface}-addr6 ] || {{ tell unsaved; exit 0; }};" if interface else ""
    return group(f"""
{_PATH} {_PLACES} {_TELL} {_KEEP}
IFS= read -r i; IFS= read -r s; IFS= read -r t; {_WORD}
case $s in a|b) ;; *) echo bad; exit 64;; esac; case $t in {deadlines}) ;; *) echo bad; exit 64;; esac;
{_HELD} {_OURS}
r=; if [ -f $d/id ]; then read -r r < $d/id; fi; [ $r. = $i. ] || {{ tell unsaved; exit 0; }}; {saved}
k={kind}; if [ -f $d/revert ]; then read -r k < $d/revert; fi; [ $k = {kind} ] || {{ tell other; exit 0; }};
if systemctl -q is-active {unit}.timer {unit}.service; then tell armed; exit 0; fi;
systemctl reset-failed {unit}.timer {unit}.service 2> /dev/null; rm -f $d/decided-$s;
r=$(printf %s '{revert}' | gzip -cn | base64 -w 0);
echo {kind} > $d/revert && echo $((u+t+1)) > $d/deadline-$s && keep && [ $r ] &&
systemd-run --unit={unit} --on-active=$t --timer-property=AccuracySec=100ms
/bin/sh -c "echo $r | base64 -d | gzip -cd | /bin/sh -s $s" > /dev/null &&
{{ tell done; exit 0; }};
rm -f $d/deadline-$s; keep; tell failed;
""")


DISARM: Final = group(f"""
{_PATH} {_PLACES} {_TELL} {_KEEP}
IFS= read -r i; IFS= read -r s; {_WORD} case $s in a|b) ;; *) echo bad; exit 64;; esac;
{_HELD} {_OURS}
systemctl stop {REVERT_UNIT}$s.timer 2> /dev/null;
if [ ! -d $d ]; then tell gone; exit 0; fi;
ln -s disarmed $d/decided-$s 2> /dev/null; w=$(readlink $d/decided-$s);
n=$(systemctl show -p ExecMainStartTimestampMonotonic {REVERT_UNIT}$s.service);
if systemctl -q is-active {REVERT_UNIT}$s.timer; then tell still; exit 0; fi;
case $w.$n in
disarmed.*) rm -f $d/deadline-$s; keep; tell disarmed ;;
fired.*) tell fired ;;
.*=0) rm -f $d/deadline-$s; keep; tell disarmed ;;
.*=[1-9]*) tell fired ;;
*) tell unknown ;; esac; echo $n;
""")
"""Standard input: the operation; `a` or `b`. `decided-a` is a link that is made once: by this text
(`disarmed`) or by the revert (`fired`), whoever comes first, so the two cannot both believe to have won."""

CLEAR: Final = group(f"""
{_PATH} {_PLACES} {_TELL}
IFS= read -r i; {_WORD}
{_HELD} {_OURS}
if {_ARMED}; then tell armed; exit 0; fi; if {_REVERTING}; then [ ! -d $d ] || {{ tell reverting; exit 0; }}; fi;
rm -rf $d && [ ! -d $d ] || {{ tell failed; exit 0; }};
systemctl reset-failed {REVERT_UNIT}a.service {REVERT_UNIT}b.service {CHANGE_UNIT}.service 2> /dev/null; tell done;
""")
"""Standard input: the operation. Removes what was saved, once nothing is armed any more."""

NOTE: Final = group(f"""
{_PATH} {_PLACES} {_TELL}
IFS= read -r i; IFS= read -r v; IFS= read -r j; {_WORD}
{_HELD} {_OURS}
case $v in
write) printf %s "$j" | head -c 4000 > $h/drain.new && echo >> $h/drain.new && mv -f $h/drain.new $h/drain &&
tell done || tell failed ;;
remove) rm -f $h/drain && tell done || tell failed ;;
*) echo bad; exit 64 ;; esac;
""")
"""Standard input: the operation; `write` or `remove`; the note as one line of JSON."""


def revert_now(slot: str) -> str:
    """The text that runs the armed revert of `slot` at once, but only while what is saved is of the operation that
    is named: what was asked for may arrive late, when another one is under way there.

    Standard input: the operation. Status 75: it is not that one (any more), nothing was done.
    """
    return group(f"""
{_PATH} {_PLACES} IFS= read -r i; {_WORD}
exec 9< $h; flock -w 3 9 || {{ echo busy >&2; exit 75; }}; r=; if [ -f $d/id ]; then read -r r < $d/id; fi;
[ $r. = $i. ] || {{ echo nothing of this operation is saved here >&2; exit 75; }};
exec systemctl start --no-block {REVERT_UNIT}{slot}.service;
""")


def needs_armed(kind: str) -> str:
    """Shell that ends with 75 unless a revert of `kind` is armed on this node, right now."""
    return (
        f"k=; if [ -f {HOME}/operation/revert ]; then read -r k < {HOME}/operation/revert; fi; "
        f"[ $k. = {kind}. ] && {_ARMED} || {{ echo no revert of this kind is armed >&2; exit 75; }};"
    )


def change(kind: str | None, command: str) -> str:
    """The text of a change: `command`, only while a revert of `kind` is armed (None: it restores)."""
    return group(f"{_PATH} {needs_armed(kind) if kind else ''} {command}")


def heart(script: str) -> str:
    """What a text of `change` does once its guard let it: `systemctl stop squid.service`."""
    body = script.removeprefix("{ ").removesuffix(" }").rpartition("exit 75; };")[2]
    return body.strip().removeprefix(_PATH).strip().removeprefix("exec ").rstrip("; ")


# --- what heals -----------------------------------------------------------------------------------


def revert(heal: str, words: str) -> str:
    """The whole revert: decide, heal, say so, clean up. `heal` leaves `w` as it is, or `incomplete`.

    It may run twice, also at the same time, and at any time. What it cannot find it does without:
    a missing or unreadable /run/haconsole keeps nothing from healing. At its end it waits for the
    lock of a dead console to expire, and removes it.
    """
    return group(f"""
{_PATH} {_PLACES} exec < /dev/null; s=$1; w=reverted;
ln -s fired $d/decided-$s 2> /dev/null; [ .$(readlink $d/decided-$s) = .disarmed ] && exit 0;
m=; if [ -f $l/expires ]; then read -r m x < $l/expires; fi;
{heal}
logger -t haconsole "$w: {words}";
if [ $w = reverted ]; then rm -rf $d; else echo $w > $d/outcome; fi;
n=0; while [ $n -lt 30 ] && [ -f $l/expires ]; do n=$((n+1));
( flock -w 5 9 || exit 0; i=; read -r i b e x < $l/expires; IFS=. read -r u x < /proc/uptime;
[ .$i = .$m ] || exit 1; [ $u -gt $e ] && rm -f $l/expires && rm -rf $l; exit 0; ) 9< $h 2> /dev/null || break;
sleep 1; done;
""")


def heal_link(name: str) -> str:
    """Up; a carrier within 60 s; addresses and routes again and again until nothing is missing thrice."""
    return f"""
n=0; ip link set dev {name} up;
while [ $n -lt 120 ] && [ .$(cat /sys/class/net/{name}/carrier 2> /dev/null) != .1 ]; do
n=$((n+1)); sleep 0.5; ip link set dev {name} up; done;
n=0; k=0; while [ $n -lt 40 ] && [ $k -lt 3 ]; do n=$((n+1)); k=$((k+1)); ip link set dev {name} up;
if [ -f $d/{name}-addr6 ]; then while read -r a; do
case $(ip -6 addr add $a dev {name} 2>&1) in ""|*exists*|*assigned*) ;; *) k=0 ;; esac; done < $d/{name}-addr6; fi;
for f in 4 6; do for p in boot static dhcp; do
if [ -s $d/{name}-route$f-$p ]; then ip -$f route restore < $d/{name}-route$f-$p 2> /dev/null; fi;
if [ -f $d/{name}-text$f-$p ]; then while read -r r; do
case $(ip -$f route add $r dev {name} proto $p 2>&1) in ""|*exists*) ;; *) k=0 ;; esac; done < $d/{name}-text$f-$p; fi;
done; done; [ $k -ge 3 ] || sleep 1; done;
[ $k -ge 3 ] && [ .$(cat /sys/class/net/{name}/carrier) = .1 ] || w=incomplete;
"""


def heal_unit(unit: str) -> str:
    """Started, ten times if it must be."""
    return f"""
n=0; until systemctl start {unit}.service && systemctl -q is-active {unit}.service; do n=$((n+1));
if [ $n -ge 10 ]; then w=incomplete; break; fi; sleep 2; systemctl reset-failed {unit}.service; done;
"""


FORGET_NOTE: Final = "rm -f $h/drain;"


def write_drain(path: str, value: str) -> str:
    """`value` into the drain file, by rename: keepalived reads the whole of it or the old one.

    `set -C`: what lies there under the temporary name, a link too, is never written through.
    """
    return f"rm -f {path}.new && ( set -C; echo {value} > {path}.new ) && mv -f -T {path}.new {path}"


def heal_drain(path: str) -> str:
    """0 again."""
    return f"{write_drain(path, '0')} || w=incomplete; {FORGET_NOTE}"
