"""A drill's report: what it promises to scripts, to a change ticket, and to who opens it in a browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.drill import DrillRecord, Holding, Moment, NodeEvidence, Phase, PhaseBegan, Range, Request, Source
from haconsole.parse.errors import ParseError
from haconsole.report.drill import document, parse
from haconsole.report.drill_html import alone, html
from haconsole.report.drill_markdown import escaped, markdown
from haconsole.report.drill_measured import not_measured
from haconsole.report.drill_timeline import pictures
from haconsole.report.drill_words import compared, lost, side_by_side, taken_back
from tests.support.drill_sample import HOSTILE, LOCK, ONE, START, TWO, A, B, deviated, passed, resumed

ALL = (passed, deviated, resumed)
CONTRACT = {
    "schema", "id", "cluster", "drill", "node", "operator", "ticket", "started", "ended", "result", "guards",
    "predicted", "measured", "hypothesis", "steps", "timeline", "nodes",
}  # fmt: skip


class TestDocument:
    def test_it_has_every_name_of_the_contract_and_null_for_unknown(self) -> None:
        told = json.loads(json.dumps(document(resumed())))
        assert set(told) >= CONTRACT
        assert told["schema"] == "haconsole.drill/1"
        assert told["predicted"]["takeover_s"] == {A: {"low": 2.6, "high": 3.7}}
        assert told["measured"] == {
            "takeover_s": {}, "outage_s": {}, "failback_outage_s": {},
            "requests": None, "failed": None, "probe_interval_ms": None, "takeover_error_s": {}, "unjudged": None,
            "not_begun": None,
        }  # fmt: skip
        assert told["steps"][1]["ended"] is None and told["steps"][1]["ok"] is None
        assert told["nodes"][ONE] == dict.fromkeys(
            ("addresses_before", "addresses_during", "addresses_after", "keepalived_log")
        )  # fmt: skip
        assert told["ticket"] is None and told["capture"] is None

    def test_zero_is_nothing_lost_and_null_is_not_measured(self) -> None:
        told = document(deviated())["measured"]
        assert isinstance(told, dict)
        assert told["outage_s"] == {A: 7.939, B: 0.0}
        assert told["failback_outage_s"] == {A: None, B: 0.0}

    def test_an_outage_without_an_end_is_null_there_and_in_the_range(self) -> None:
        told = json.loads(json.dumps(document(deviated())))
        assert told["predicted"]["takeover_s"][A] == {"low": 0.61, "high": None}
        assert told["outages"][1]["ended"] is None

    @pytest.mark.parametrize("sample", ALL)
    def test_what_is_stored_reads_back_as_the_same(self, sample: type[DrillRecord]) -> None:
        told = document(sample())
        assert document(parse(json.dumps(told))) == told

    def test_fields_of_a_newer_haconsole_are_overlooked_and_later_ones_of_ours_may_be_missing(self) -> None:
        told = {k: v for k, v in document(passed()).items() if k in CONTRACT} | {"mood": {"of": "the node"}}
        told["steps"] = [{**step, "colour": 1} for step in told["steps"]]  # type: ignore[attr-defined]
        read = parse(json.dumps(told))
        assert read.measured == passed().measured and read.lanes == ()

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("{", "no JSON"),
            ("[" * 5000, "no JSON"),
            ("[]", "no schema"),
            ('{"schema": "haconsole.action/1"}', "expected haconsole.drill/1"),
            ('{"schema": "haconsole.drill/1"}', "id: Field required"),
            (json.dumps({**document(passed()), "started": "2026-11-28T12:00:00"}), "started"),
            (json.dumps({**document(passed()), "result": "splendid\x1b[2J"}), "result"),
        ],
    )
    def test_anything_else_is_refused_with_the_one_typed_error(self, text: str, why: str) -> None:
        with pytest.raises(ParseError, match=why) as caught:
            parse(text)
        assert "\x1b" not in str(caught.value)

    @given(st.binary(max_size=300) | st.text(max_size=300))
    def test_reading_never_crashes(self, text: str | bytes) -> None:
        with pytest.raises(ParseError):
            parse(text)


class TestWords:
    def test_a_figure_is_judged_by_its_range_and_unknown_is_not_judged(self) -> None:
        found = {(c.vip, c.figure): c for c in compared(deviated())}
        assert (found[A, "takeover"].predicted, found[A, "takeover"].ok) == ("0.61 s or more", True)
        assert (found[A, "client outage"].ok, found[A, "client outage"].words) == (False, "3.739 s longer")
        assert (found[A, "client outage on failback"].ok, found[A, "client outage on failback"].measured) == (
            None,
            "not measured",
        )
        assert (found[B, "client outage"].predicted, found[B, "client outage"].ok) == ("stays where it is", True)

    def test_a_vip_that_was_to_stay_and_moved_is_not_as_predicted(self) -> None:
        record = passed()
        moved = replace(record, measured=replace(record.measured, takeover_s={B: 0.9}, outage_s={B: 1.0}))
        found = {c.figure: c.ok for c in compared(moved) if c.vip == B}
        assert found["takeover"] is False and found["client outage"] is False

    def test_log_lines_stand_side_by_side_in_the_order_of_time_past_midnight_too(self) -> None:
        nodes = {
            ONE: NodeEvidence(keepalived_log=("23:59:59.900 a", "no time", "00:00:00.100 c")),
            TWO: NodeEvidence(keepalived_log=("23:59:59.950 b", "00:00:00.100 d")),
        }
        rows = side_by_side(replace(passed(), nodes=nodes))
        assert [(r.time, r.cells) for r in rows] == [
            ("23:59:59.900", (("a", "no time"), ())),
            ("23:59:59.950", ((), ("b",))),
            ("00:00:00.100", (("c",), ("d",))),
        ]

    def test_what_was_not_measured_is_said(self) -> None:
        told = " ".join(not_measured(deviated(), wire=False))
        for part in (
            "on failback of 192.168.2.101 was not measured", "had not ended when measuring did",
            "there is no adverts.pcap", "addresses of proxy-serv01 could not be read (during)",
            "Of 2 moments the clock error is not known", "gratuitous ARP for 192.168.2.101 is seen (during)",
        ):  # fmt: skip
            assert part in told
        assert not_measured(passed(), wire=True) == ()

    def test_what_clients_lost_is_not_nothing_where_the_vip_that_moved_was_not_measured(self) -> None:
        blind = replace(passed(), measured=replace(passed().measured, outage_s={A: None, B: 0.0}))
        assert lost(blind) == {A: None}
        assert lost(passed()) == {A: passed().measured.outage_s[A]}
        nothing_moved = replace(blind, predicted=replace(blind.predicted, outage_s={}))
        assert lost(nothing_moved) == {A: None, B: 0.0}


class TestMarkdown:
    def test_what_it_does_and_what_was_not_as_expected_stand_before_everything_else(self) -> None:
        record = replace(
            deviated(), about="squid stops.", text="stop condition. Not as expected: x. Found meanwhile: y"
        )
        told = markdown(record, wire=True)
        head = told[: told.index("## Predicted against measured")]
        assert "**Deviated: stop condition**" in head and "Found meanwhile: y" in head and "squid stops." in head
        assert "Not as expected: x" not in head, "each of them is in the list, with its evidence"
        wrong = [c for name in ("before", "during", "after") for c in getattr(record.hypothesis, name) if c.ok is False]
        assert wrong and all(escaped(c.evidence) in head for c in wrong)
        assert parse(json.dumps(document(record))).about == "squid stops."

    def test_what_clients_lost_and_whether_all_is_as_before_follow_the_verdict(self) -> None:
        lines = markdown(passed(), wire=True).splitlines()
        assert lines[4].startswith(
            "Clients of 192.168.2.101 lost 0.628 s (0.61–0.73 s predicted), and 0.042 s on the way"
        )
        assert lines[4].endswith("clients of 192.168.2.102, which was to stay, lost nothing.")
        assert lines[6] == "Afterwards all was as before."
        assert "What clients of 192.168.2.101 lost was not measured" in markdown(resumed(), wire=True)
        wrong = replace(passed().hypothesis.after[1], ok=False)
        told = markdown(replace(passed(), hypothesis=replace(passed().hypothesis, after=(wrong,))), wire=True)
        assert f"Afterwards NOT all was as before; not so: {wrong.text}." in told

    def test_the_verdict_is_the_first_sentence(self) -> None:
        lines = markdown(passed(), wire=True).splitlines()
        assert lines[0] == "# Drill public-link-down on proxy-serv01: passed"
        assert lines[2].startswith("**Passed: 192.168.2.101 moved to proxy-serv02 and back")

    def test_it_holds_what_the_article_prints_after_a_drill(self) -> None:
        told = markdown(passed(), wire=True)
        assert "| time | proxy-serv01 | proxy-serv02 |" in told
        assert "| 13:09:33.478 |  | (proxy_ip1) Entering MASTER STATE |" in told
        assert "(proxy_ip1) Entering FAULT STATE<br>(proxy_ip1) sent 0 priority<br>" in told
        blocks = dict(
            zip(("before", "during", "after"), re.findall(r"```text\n(.*?)```", told, re.DOTALL), strict=True)
        )
        assert "▸     inet 192.168.2.101/24 scope global eth0:1   " in blocks["before"] == blocks["after"]
        beside = [line for line in blocks["during"].splitlines() if "192.168.2.101" in line or "eth1: " in line]
        assert [re.sub(" {2,}", "  ", line) for line in beside] == [
            "▸ 3: eth1: <> state DOWN  ▸  inet 192.168.2.101/24 scope global eth0:1", "  3: eth1: <UP,LOWER_UP> state UP",
        ]  # fmt: skip

    def test_a_takeover_stands_beside_what_it_may_be_wrong_by(self) -> None:
        assert "| 192.168.2.101 | takeover | 0.61–0.71 s | 0.612 s ±8 ms | in its range |" in markdown(
            passed(), wire=True
        )

    def test_short_commands_are_told_whole_and_long_scripts_by_name(self) -> None:
        told = markdown(passed(), wire=True)
        assert "proxy-serv01$ sudo -n -- ip link set dev eth1 down  # change.link-down\n" in told
        assert (
            "# lock\nproxy-serv01$ # operation.lock: 744 characters, whole in report.json\nproxy-serv02$ # op" in told
        )
        assert json.loads(json.dumps(document(passed())))["steps"][1]["command"] == LOCK

    def test_text_of_a_node_becomes_no_markup(self) -> None:
        told = markdown(deviated(), wire=False)
        assert "&lt;script&gt;alert(1)&lt;/script&gt; \\| \\[x\\](http&#58;//evil.example/) \\`id\\`" in told
        assert "<script" not in told and "://" not in told

    def test_a_command_cannot_end_its_block(self) -> None:
        record = passed()
        step = replace(record.steps[1], command="proxy-serv01$ echo ````\nproxy-serv01$ ``` <b>")
        told = markdown(replace(record, steps=(step,)), wire=True)
        assert "`````sh\n# lock\nproxy-serv01$ echo ````\nproxy-serv01$ ``` <b>\n`````\n" in told

    @given(st.text(alphabet=st.sampled_from("ab1 .)#-+=_*`~|<>&[]!\\:/w@\n\x1b"), max_size=40))
    def test_escaped_text_stays_one_cell_of_one_line(self, text: str) -> None:
        safe = escaped(text)
        assert "\n" not in safe and "\x1b" not in safe and "<" not in safe and "://" not in safe
        assert not re.search(r"(?<!\\)(\\\\)*[|`*\[\]~]", safe)
        assert not re.match(r"[#+=-]|\d+[.)](\s|$)", safe)


class _Page(HTMLParser):
    """What a page could fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.values: dict[str, set[str]] = {}
        self.text = ""
        self.style = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.values.setdefault(name, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.style += data
        self.text += data


class TestPage:
    @pytest.mark.parametrize("sample", ALL)
    def test_it_fetches_and_runs_nothing(self, sample: type[DrillRecord]) -> None:
        page = html(sample(), wire=True)
        found = _Page()
        found.feed(page)
        assert not found.tags & {
            "script",
            "link",
            "img",
            "iframe",
            "object",
            "embed",
            "a",
            "form",
            "base",
            "use",
            "image",
        }
        assert not found.values.keys() & {"src", "href", "style", "background", "srcset", "xlink:href"}
        assert not [name for name in found.values if name.startswith("on")]
        values = {v for name, said in found.values.items() if name != "xmlns" for v in said}
        assert not [v for v in values if "http:" in v or "https:" in v or "//" in v]
        assert {v for v in values if "url(" in v} == {v for v in values if v.startswith("url(#")}
        assert "url(" not in found.style and "@import" not in found.style and "http" not in found.style
        assert "default-src 'none'; style-src 'sha256-" in page

    def test_text_of_a_node_is_text(self) -> None:
        page = html(deviated(), wire=False)
        assert "<script" not in page
        found = _Page()
        found.feed(page)
        assert HOSTILE in found.text

    def test_it_holds_all_that_the_ticket_holds(self) -> None:
        found = _Page()
        found.feed(html(passed(), wire=True))
        for part in ("0.61–0.73 s", "0.628 s", "(proxy_ip1) Entering MASTER STATE", "ip link set dev eth1 down",
                     "squid's cache manager refuses", "one every 20.1 ms kept", "Nothing is missing."):  # fmt: skip
            assert part in found.text

    def test_a_run_that_nobody_watched_has_no_picture_and_says_so(self) -> None:
        page = html(resumed(), wire=False)
        assert "<svg" not in page and "there is nothing to draw" in page and "Look at:" in page


class TestPictures:
    @pytest.mark.parametrize("sample", [passed, deviated])
    def test_they_are_well_formed_and_show_the_whole_the_takeover_and_the_failback(
        self, sample: type[DrillRecord]
    ) -> None:
        found = pictures(sample())
        assert [p.name for p in found] == ["whole", "takeover", "failback"]
        for picture in found:
            ET.fromstring(picture.svg)
            assert "--n0" in (ET.fromstring(alone(picture))[0].text or "")

    def test_bars_are_as_long_as_what_they_show(self) -> None:
        takeover = ET.fromstring(pictures(passed())[1].svg)

        def widths(css: str) -> list[float]:
            return [float(e.attrib["width"]) for e in takeover.iter() if e.get("class") == css]

        lost, sure, perhaps = widths("lost"), widths("sure"), widths("perhaps")
        per_second = lost[0] / 0.628
        assert sure[0] / per_second == pytest.approx(0.61, abs=0.002)
        assert (sure[0] + perhaps[0]) / per_second == pytest.approx(0.73, abs=0.002)
        lost_requests = [r for r in passed().requests if not r.ok and r.started < (passed().put_back or 0)]
        assert len([e for e in takeover.iter() if e.get("class") == "failed"]) == len(lost_requests) > 20

    def test_the_failback_is_drawn_where_the_vip_went_back_however_long_after_it_was_put_back(self) -> None:
        base = passed()
        back = (base.put_back or 0.0) + 3.0
        lanes = (
            *(h for h in base.lanes if h.since < (base.put_back or 0.0)),
            Holding(vip=A, since=back, holders=(ONE,)),
        )
        record = replace(base, lanes=lanes, outages=base.outages[:1])
        assert taken_back(record, A) == back
        failback = ET.fromstring(pictures(record)[2].svg)
        assert f"{A} is back" in "".join(failback.itertext())
        marks = sorted(float(e.attrib["x1"]) for e in failback.iter() if e.get("class") == "mark")
        bar = min(float(e.attrib["x"]) for e in failback.iter() if e.get("class") in {"sure", "perhaps"})
        assert marks[0] < marks[1] == pytest.approx(bar, abs=0.1)

    def test_a_run_without_the_two_moments_is_drawn_by_its_steps(self) -> None:
        found = pictures(replace(passed(), injected=None, put_back=None))
        assert [p.name for p in found] == ["whole", "takeover", "failback"]
        shown = ["".join(ET.fromstring(p.svg).itertext()) for p in found[1:]]
        assert "0.628 s" in shown[0] and "0.042 s" not in shown[0]
        assert "0.042 s" in shown[1] and "0.628 s" not in shown[1]
        assert "takeover of" not in shown[0]  # it counts from a moment that is not known

    def test_words_say_what_colours_say(self) -> None:
        whole = "".join(ET.fromstring(pictures(deviated())[0].svg).itertext())
        for part in ("proxy-serv01", "proxy-serv02", "7.939 s", "0.61–4.20 s", "not known from", "nothing lost"):
            assert part in whole

    @given(
        st.lists(st.tuples(st.floats(-5, 90), st.none() | st.floats(0, 5000), st.text(max_size=30)), max_size=8),
        st.lists(st.tuples(st.floats(0, 60), st.none() | st.lists(st.sampled_from([ONE, TWO, "x"]), max_size=2)), max_size=5),
        st.none() | st.floats(0, 60), st.none() | st.floats(0, 60), st.none() | st.floats(0, 90),
    )  # fmt: skip
    def test_no_record_makes_a_broken_picture(
        self,
        said: list[tuple[float, float | None, str]],
        held: list[tuple[float, list[str] | None]],
        injected: float | None,
        put_back: float | None,
        ended: float | None,
    ) -> None:
        def at(offset: float | None) -> float | None:
            return None if offset is None else START + offset

        record = replace(
            passed(), ended=at(ended), injected=at(injected), put_back=at(put_back),
            timeline=tuple(Moment(time=START + t, error_ms=e, node=ONE, source=Source.WIRE, text=x) for t, e, x in said),
            lanes=tuple(Holding(vip=A, since=START + t, holders=None if h is None else tuple(h)) for t, h in held),
            requests=tuple(Request(vip=A, started=START + t, ended=START + t, ok=e is None) for t, e, _ in said),
            phases=(PhaseBegan(phase=Phase.BEFORE, since=START),),
            predicted=replace(passed().predicted, failback_outage_s={A: Range(low=0.5, high=None)}),
        )  # fmt: skip
        for picture in pictures(record):
            root = ET.fromstring(picture.svg)
            for element in root.iter():
                for name in ("x", "y", "width", "height", "x1", "x2"):
                    if element.tag.endswith("pattern"):
                        continue
                    assert 0 <= float(element.get(name, "0")) <= 5000
