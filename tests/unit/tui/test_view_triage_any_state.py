"""Triage, closer look and configuration of any state whatever: they fit, none fails, nothing is well unseen."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haconsole.report.configuration import judge
from haconsole.tui.view import closer, config, config_beside, triage
from haconsole.tui.view.text import Level, width_of
from tests.unit.tui import scenes
from tests.unit.tui.looking import FakeLooker
from tests.unit.tui.test_view_any_state import snapshots


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots, st.sampled_from([76, 78, 116, 156]))
def test_every_view_fits_and_none_fails(shown, width):
    zone, now = scenes.TIMES, shown.picture.at
    rows = [*triage.tree_rows(shown, shown.findings, width)]
    assert len(rows) == max(1, len(shown.findings))
    for finding in shown.findings:
        rows += triage.details(finding.key, shown, width, zone)
    looker = FakeLooker()
    offers = looker.offers(shown)
    rows += closer.offer_rows(offers, {}, set(), None, width)
    assert not any(closer.level_of(o, None, running=False) is Level.OK for o in offers)
    for offer in (*offers, looker.audit_offer(shown)):
        assert bool(offer.lines) != (offer.refused is not None)
        rows += closer.details(offer, None, now, width, zone, running=False)
    told = judge(shown, {})
    rows += config.finding_rows(told, "", looker.audit_offer(shown), now, width)
    rows += config.setting_rows(told, [n.name for n in shown.picture.nodes], width)[1]
    for finding in told.audit.findings:
        rows += config.details(finding, now, width, zone)
    for compared in (*told.compared, None):
        rows += config_beside.beside_rows(compared, told.problem, width)
    assert all(width_of(row.line) <= width for row in rows)
    assert all(span.text.isprintable() for row in rows for span in row.line)


def test_a_finding_that_follows_from_itself_is_shown_all_the_same():
    from dataclasses import replace

    shown = scenes.eth1_down()
    one, two = shown.findings
    ring = (replace(one, follows_from=two.key), two)
    assert len(triage.tree_rows(replace(shown, findings=ring), ring, 100)) == 2
