"""A support bundle holds no secret in any form, stays inside its folder, and says what is missing."""

from __future__ import annotations

import base64
import io
import json
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconsole.parse.errors import ParseError
from haconsole.report import bundle
from haconsole.report.bundle import Piece, pack
from haconsole.report.bundle_redact import Redactor, forms

PASSWORD, CREDENTIALS = "Gr0und/hog&8", base64.b64encode(b"anna:W1nter-2026").decode()
CONF = f"""\
# once: auth_pass {PASSWORD}
$PASS={PASSWORD}
global_defs {{
  router_id one   # the backup's password is {PASSWORD}
}}
vrrp_instance a {{
  state MASTER
  virtual_router_id 1
  authentication {{ auth_type PASS auth_pass {PASSWORD} }}
  authentication {{
    auth_type PASS
    auth_pass
    {PASSWORD}
  }}
  auth_hmac {{
    key 1 hex:00112233445566778899aabbccddeeff
  }}
  notify "/bin/page --token {PASSWORD}"
  virtual_ipaddress {{
    192.168.2.101/24
  }}
}}
@elsewhere auth_pass {PASSWORD}
include more.conf
"""
DATA = f"""\
   Authentication type = SIMPLE_PASSWORD
   Password = {PASSWORD}
   Virtual Router ID = 1
"""
LOG = f"""\
squid[7]: GET http://anna:{PASSWORD}@example.net/ Proxy-Authorization: Basic {CREDENTIALS}
squid[7]: header Proxy-Authorization:
 Basic {CREDENTIALS}
squid[7]: {{"Authorization": "Bearer {CREDENTIALS}"}}
Keepalived_vrrp[8]: (a) Entering MASTER STATE
"""


def piece(name: str, content: str | bytes | None, **more: object) -> Piece:
    fields = {"cluster": "proxy", "node": "n1", "what": "w", "at": 0.0, "content": content, **more}
    return Piece(name=name, **fields)  # type: ignore[arg-type]


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        found = archive.getmembers()
        assert all(m.isreg() and m.mode == 0o600 and m.uid == 0 for m in found)
        return {m.name: archive.extractfile(m).read() for m in found}  # type: ignore[union-attr]


def test_a_planted_password_and_proxy_credentials_are_nowhere_in_any_encoding() -> None:
    redactor = Redactor()
    dump = json.dumps([{"data": {"iname": "a", "auth_type": 1, "auth_data": PASSWORD + '"x'}}]).replace("/", "\\/")
    pieces = [
        piece("conf/keepalived.conf", redactor.configuration({"/k.conf": CONF}, "/k.conf")["/k.conf"]),
        piece("dump-data.txt", redactor.text(DATA)),
        piece("dump.json", redactor.json_dump(dump)),
        piece("log.txt", redactor.text(LOG)),
        *(piece("other.txt", redactor.text(f"it says {form} here")) for form in forms(PASSWORD)),
    ]
    everything = b"\n".join(members(pack(pieces, redactor, "b", 0.0)[0]).values()).decode()
    for secret in (PASSWORD, CREDENTIALS, CREDENTIALS.rstrip("="), "W1nter-2026", "00112233445566778899aabbccddeeff"):
        assert [f for f in forms(secret) if f in everything] == []
    for kept in ("virtual_router_id 1", "192.168.2.101/24", "router_id one", "include more.conf", "auth_type PASS",
                 "Virtual Router ID = 1", "Entering MASTER STATE", "SIMPLE_PASSWORD", "example.net"):  # fmt: skip
        assert kept in everything, kept


WORDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\"'{}#!\\,;"), min_size=8)


@given(WORDS.filter(lambda w: not w.isalpha() and "$" not in w and "(secret)" not in w and "pass" not in w.lower()))
def test_no_password_of_any_letters_survives_in_a_configuration(password: str) -> None:
    redactor = Redactor()
    conf = f"vrrp_instance a {{\n authentication {{\n  auth_type PASS\n  auth_pass {password}\n }}\n}}\n! {password}\n"
    text = redactor.finish(redactor.configuration({"/k": conf}, "/k")["/k"])
    assert password not in text


def test_a_configuration_that_cannot_be_understood_does_not_leave() -> None:
    with pytest.raises(ParseError):
        Redactor().configuration({"/k": "a {\n" * 70}, "/k")
    with pytest.raises(ValueError):
        Redactor().json_dump('{"auth_data": "x')


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=200))
def test_whatever_a_node_calls_itself_or_its_files_nothing_leaves_the_folder(node: str, name: str, text: str) -> None:
    """Names come from the configuration and from here; even if they did not, they could do nothing."""
    pieces = [piece(name, text, node=node), piece(name.upper(), text, node=node), piece("../../x", text, node="..")]
    names = list(members(pack(pieces, Redactor(), "../b", 0.0)[0]))
    assert len({n.lower() for n in names}) == len(pieces) + 2
    for each in names:
        parts = each.split("/")
        assert parts[0] == "_b" and not {"", ".", ".."} & set(parts) and each.isascii() and each.isprintable()


def test_the_password_of_a_command_line_is_hidden_wherever_it_stands() -> None:
    redactor = Redactor()
    text = redactor.text("Script chk now: curl -su monitor:Sq-77-pass http://127.0.0.1/\nargs: [monitor] [Sq-77-pass]")
    assert redactor.finish(text) == "Script chk now: curl -su (secret) http://127.0.0.1/\nargs: [monitor] [(secret)]"


def test_control_characters_of_a_node_are_made_visible() -> None:
    told = Redactor().text("a\x1b[2Jb\r\n\u202ex")
    assert "\x1b" not in told and "\u202e" not in told and "\r" not in told


def test_it_is_bounded_and_the_manifest_says_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "PIECE_LIMIT", 100)
    monkeypatch.setattr(bundle, "TOTAL_LIMIT", 150)
    pieces = [piece("a.txt", "x" * 500), piece("b.txt", b"y" * 90), piece("c.txt", None, missing="not \x1bpermitted")]
    data, manifest = pack(pieces, Redactor(), "b", 1_800_000_000.0)
    a, b, c = manifest.entries
    assert (a.bytes, a.cut, b.file, c.missing) == (100, True, None, "not ␛permitted")
    assert b.missing and "larger than" in b.missing
    files = members(data)
    assert set(files) == {"b/MANIFEST", "b/MANIFEST.json", "b/proxy/n1/a.txt"}
    assert json.loads(files["b/MANIFEST.json"])["schema"] == "haconsole.bundle/1"
    assert "not ␛permitted" in files["b/MANIFEST"].decode()
