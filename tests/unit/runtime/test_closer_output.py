"""What a closer look shows of a command's output: lines, cut, clean, without passwords."""

from __future__ import annotations

from haconsole.model.keepalived_conf import SECRET
from haconsole.runtime.closer import LINES, OUTPUT, clean_lines


def test_a_script_that_repeats_its_command_lines_shows_no_password() -> None:
    told = clean_lines("+ curl -sf -u ops:S3cret http://127.0.0.1/\n\n", "+ mysql -pS3cret\x1b[2J\n")
    assert told == f"+ curl -sf -u {SECRET} http://127.0.0.1/\n+ mysql -p{SECRET}"


def test_much_output_is_cut_to_its_end_before_it_is_searched() -> None:
    assert clean_lines("a\n" * 10 * LINES) == "\n".join(["a"] * LINES)
    assert len(clean_lines("--password " + "S3cret" * OUTPUT)) <= OUTPUT
    assert "S3cret" not in clean_lines("--password " + "S3cret" * OUTPUT)
