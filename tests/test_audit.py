"""`gradlint audit` says what lies beside its fixtures; `--update-fixtures` writes it there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gradlint.audit import ADVICE, Status
from gradlint.audit.safeguards import ASKED
from tests.conftest import RNN_LOOP, ROOT, Gradlint

FIXTURES = ROOT / "fixtures" / "audit"
_COMMAND = re.compile(r"^\$ gradlint (.*)$", re.MULTILINE)
_VOID = frozenset(["meta", "br"])


@pytest.mark.parametrize("file", sorted(FIXTURES.glob("*.txt")), ids=lambda file: file.stem)
def test_audit(file: Path, project: Path, gradlint: Gradlint, request: pytest.FixtureRequest) -> None:
    shutil.copytree(FIXTURES / file.stem, project, dirs_exist_ok=True)
    expected = file.read_text(encoding="utf-8")
    real = []
    for command in _COMMAND.findall(expected):
        done = gradlint(*shlex.split(command))
        status = f"exit status {done.status}\n" if done.status else ""
        real.append(f"$ gradlint {command}\n{done.out}{done.err}{status}")
    if request.config.getoption("--update-fixtures"):
        file.write_text("\n".join(real), encoding="utf-8")
    else:
        assert "\n".join(real) == expected, "pytest --update-fixtures writes it there"


def test_each_safeguard_is_asked_for_and_advised() -> None:
    assert list(ASKED) == list(ADVICE)


def test_fixtures_show_each_safeguard_in_each_state_that_it_can_have(project: Path, gradlint: Gradlint) -> None:
    shutil.copytree(FIXTURES, project, dirs_exist_ok=True)
    audited = json.loads(gradlint("audit", "--output-format", "json").out)
    seen = {(x["safeguard"], x["status"]) for update in audited for x in update["safeguards"]}
    for key in ADVICE:
        assert (key, Status.PRESENT.value) in seen
        assert (key, Status.ABSENT.value) in seen


def test_the_rules_that_say_so_exist() -> None:
    from gradlint import packs

    known = {rule.code for rule in packs.load([])}
    for advice in ADVICE.values():
        assert any(code in known for code in advice.rules) or not known.intersection(advice.rules)


class _Checker(HTMLParser):
    """Whether elements are nested as they ought to be, and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("href", "src"):
                self.links.append(value or "")
            if name == "id":
                self.anchors.add(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("folder", sorted(x.name for x in FIXTURES.iterdir() if x.is_dir()))
def test_the_page_is_well_formed_and_needs_nothing_else(folder: str, project: Path, gradlint: Gradlint) -> None:
    shutil.copytree(FIXTURES / folder, project, dirs_exist_ok=True)
    done = gradlint("audit", "--output-format", "html", "--output", "audit.html")
    assert (done.status, done.out, done.err) == (0, "", "")
    text = (project / "audit.html").read_text(encoding="utf-8")
    ElementTree.fromstring(text.partition("\n")[2])  # it is XML, too, but for the document type
    checker = _Checker()
    checker.feed(text)
    assert checker.open == []
    assert checker.links
    assert all(link.startswith("#") and link[1:] in checker.anchors for link in checker.links)
    assert not {"script", "link", "img", "iframe"} & checker.tags
    assert "://" not in text
    assert "@import" not in text
    assert "url(" not in text
    updates = json.loads(gradlint("audit", "--output-format", "json").out)
    assert text.count("<h2") == len(updates)
    for update in updates:
        assert f"{update['row']} |" in re.sub(r"<[^>]*>", "", text)


def test_code_cannot_break_out_of_the_page(project: Path, gradlint: Gradlint) -> None:
    hostile = "optimizer.step()  # </pre><script>alert(1)</script> \ue000good\ue001 \ue002"
    (project / "train.py").write_text(RNN_LOOP.replace("optimizer.step()", hostile), encoding="utf-8")
    page = gradlint("audit", "--output-format", "html").out
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    ElementTree.fromstring(page.partition("\n")[2])


def test_a_name_of_a_file_cannot_break_out_of_the_page(project: Path, gradlint: Gradlint) -> None:
    hostile = "<img src=x onerror=alert(1)>\"'&.py"
    (project / hostile).write_text(RNN_LOOP, encoding="utf-8")
    (project / "<b>.py").write_text("import torch\nloss.backward(\noptimizer.step()\n", encoding="utf-8")
    page = gradlint("audit", "--output-format", "html").out
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "&lt;b&gt;.py:" in page  # a file that is not valid Python is named, too
    assert "<img" not in page
    assert "<b>" not in page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_can_be_read_in_its_colours(dark: bool, project: Path, gradlint: Gradlint) -> None:
    """Each colour of text has the contrast with both grounds that WCAG asks for, 4.5 to 1."""
    shutil.copytree(FIXTURES / "gan", project, dirs_exist_ok=True)
    page = gradlint("audit", "--output-format", "html").out
    light, _, rest = page.partition("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", rest.partition("* {")[0] if dark else light))
    assert colours.keys() == {"ground", "text", "faint", "line", "code", "good", "bad", "warn", "ask", "mark"}
    for name in colours.keys() - {"ground", "line", "code"}:
        for ground in ("ground", "code"):
            assert _contrast(colours[name], colours[ground]) >= 4.5, (name, ground)


def _contrast(one: str, other: str) -> float:
    dim, bright = sorted(map(_luminance, (one, other)))
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_page_can_be_used_by_keyboard_and_read_out(project: Path, gradlint: Gradlint) -> None:
    shutil.copytree(FIXTURES / "gan", project, dirs_exist_ok=True)
    page = gradlint("audit", "--output-format", "html").out
    scrolled = re.findall(r"<(?:pre|div class=\"wide\")[^>]*>", page)
    assert len(scrolled) > 2
    assert all('tabindex="0"' in tag for tag in scrolled)
    signs = re.findall(r'<td class="sign [a-z]+"[^>]*>(.*?)</td>', page)
    assert signs
    assert all('<span aria-hidden="true">' in sign and '<span class="said">' in sign for sign in signs)


def test_silenced_findings_are_marked(project: Path, gradlint: Gradlint) -> None:
    (project / "train.py").write_text(
        RNN_LOOP.replace("optimizer.step()", "optimizer.step()  # gradlint: ignore[GL101]")
    )
    assert "GL101 unclipped-recurrent-update (silenced, --fix)" in gradlint("audit").out


def test_rules_that_are_not_selected_are_marked(project: Path, gradlint: Gradlint) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    (project / "gradlint.toml").write_text('select = ["GL501"]\n')
    assert "GL101 unclipped-recurrent-update (--select GL101 --fix)" in gradlint("audit").out


@pytest.mark.parametrize("width", [50, 80, 120])
def test_a_terminal_is_not_overrun(
    width: int, project: Path, gradlint: Gradlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(FIXTURES / "gan", project, dirs_exist_ok=True)
    monkeypatch.setenv("COLUMNS", str(width))
    assert max(map(len, gradlint("audit").out.splitlines())) <= width


def test_colours_only_where_they_are_wanted(project: Path, gradlint: Gradlint, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    plain = gradlint("audit").out
    assert "\033[" not in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    painted = gradlint("audit").out
    assert re.sub(r"\033\[[0-9;]*m", "", painted) == plain != painted
    monkeypatch.setenv("NO_COLOR", "1")
    assert gradlint("audit").out == plain


def test_nothing_to_audit(project: Path, gradlint: Gradlint) -> None:
    (project / "notes.py").write_text("print(1)\n")
    assert gradlint("audit") == (0, "Nothing to audit: no training step in these paths.\n", "")
    assert gradlint("audit", "--output-format", "json").out == "[]\n"


def test_what_cannot_be_read_is_said_and_the_rest_is_audited(project: Path, gradlint: Gradlint) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    (project / "broken.py").write_text("import torch\n\ndef f(:\n    optimizer.step()\n    loss.backward()\n")
    done = gradlint("audit", ".", "missing.py")
    assert done.status == 2
    assert "Safeguards of 1 update" in done.out
    assert [line.partition(":")[0] for line in done.err.splitlines()] == ["error", "error"]


@pytest.mark.parametrize("name", ["train.py", "no/such/folder/audit.txt"])
def test_an_output_that_cannot_be(name: str, project: Path, gradlint: Gradlint) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    done = gradlint("audit", "--output", name)
    assert done.status == 2
    assert done.err.startswith(f"error: cannot write to {name}: ")
    assert (project / "train.py").read_text() == RNN_LOOP
