"""Questions of guards: they only look, as anybody, and ask sudo about the very words that would be run."""

from __future__ import annotations

import pytest

from haconsole.catalogue import ask, change, operation, script
from haconsole.catalogue.command import Danger, Root
from haconsole.catalogue.operation import OperationNames
from haconsole.model.readings import Rights

NAMES = OperationNames(interface="eth1")


def test_every_question_observes_and_needs_no_root() -> None:
    for spec in (*ask.COMMANDS.values(), ask.connections(3128), ask.log(1000)):
        assert spec.danger is Danger.OBSERVES
        assert spec.root is Root.NO
        assert "sudo" not in script.line(spec, NAMES, Rights.SUDO) or spec is ask.SUDO_LIST


def test_questions_end_in_time_and_are_bounded() -> None:
    for spec in (*ask.COMMANDS.values(), ask.connections(3128), ask.log(1000)):
        assert spec.timeout_s <= 4
        assert spec.limit <= 8 << 20


@pytest.mark.parametrize("spec", [*operation.COMMANDS.values(), *change.COMMANDS.values()], ids=lambda s: s.id)
def test_sudo_is_asked_about_exactly_what_it_would_run(spec: object) -> None:
    assert isinstance(spec, type(change.LINK_UP))
    asked = ask.may(spec, NAMES)
    if spec.root is Root.NO:
        assert asked is None
        return
    assert asked is not None and asked.danger is Danger.OBSERVES
    run = script.read_batch(script.batch([spec], NAMES, Rights.SUDO))
    told = script.read_batch(script.batch([asked], NAMES, Rights.SUDO))
    assert run is not None and told is not None
    words = run[0].argv[run[0].argv.index("sudo") + len(script.SUDO) :]
    assert told[0].argv == ("sudo", "-n", "-l", "-l", "--", *words)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_is_a_port(port: int) -> None:
    with pytest.raises(ValueError, match="no port"):
        ask.connections(port)


def test_a_login_has_a_number() -> None:
    assert "_UID=1000" in ask.log(1000).argv
    with pytest.raises(ValueError, match="nobody"):
        ask.log(-1)
