"""A drill in the whole program, in a real terminal on the demo: left in its middle, everything is put back first."""

from __future__ import annotations

from tests.contract.test_console_in_a_terminal_demo import SMALL, demo, terminal


def test_a_console_that_is_left_mid_drill_puts_back_says_so_and_then_ends() -> None:
    with terminal(demo("--scenario", "healthy"), SMALL) as console:
        console.shows("all well", "4 Dril")
        console.press("4")
        console.shows("revert-only", "never", "allow")
        console.press("Down", "Enter")
        console.shows("ticket", "report into")
        console.press("Enter")
        console.shows("type proxy-serv01 to go on", "Predicted")
        console.press("Tab")
        console.enter("proxy-serv01")
        console.press("Enter")
        console.shows("… hold", "heals itself", "░")
        console.press("q")
        console.shows("exit code 4", "aborted", "public-link-down on proxy-serv01")


def test_a_console_that_may_only_look_has_no_drills() -> None:
    argv = demo("--scenario", "healthy")
    at = argv.index("demo")
    with terminal([*argv[:at], "--read-only", *argv[at:]], SMALL) as console:
        console.shows("all well", "READ-ONLY")
        console.press("4", "6")
        console.lacks("Dril")
