"""The audit as one page of HTML that needs nothing else, in light and in dark."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import Final

from gradlint.audit import ADVICE, Audit, Entry, Status, Verdict
from gradlint.audit.safeguards import TENSORS
from gradlint.records import dataclass
from gradlint.report.audit import conclusion, headline, kinds, places, reason, rule
from gradlint.report.frame import Mark, frame
from gradlint.report.full import file_lines
from gradlint.report.text import Terminal, printable
from gradlint.report.words import problem, where
from gradlint.source import Place

_SIGNS: Final = {
    Status.PRESENT: "✓",
    Status.FAULTY: "!",
    Status.ABSENT: "✗",
    Status.UNKNOWN: "?",
    Status.UNNEEDED: "·",
}
_CLASSES: Final = {status: status.name.lower() for status in Status}
_OPEN, _CLOSE, _END = "\ue000", "\ue001", "\ue002"
_STYLED: Final = re.compile(f"{_OPEN}([a-z]+){_CLOSE}([^{_OPEN}{_CLOSE}{_END}]*){_END}")

_STYLE: Final = """
:root { color-scheme: light dark; --ground: #ffffff; --text: #1f2328; --faint: #59636e; --line: #d1d9e0;
  --code: #f6f8fa;
  --good: #116329; --bad: #b42318; --warn: #8a4b00; --ask: #0b5394; --mark: #0b5394; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --text: #e6edf3; --faint: #9198a1; --line: #30363d; --code: #161b22;
    --good: #56d364; --bad: #ff7b72; --warn: #e3b341; --ask: #79c0ff; --mark: #79c0ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 2rem 1.25rem 4rem; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 3rem 0 .25rem; overflow-wrap: anywhere; }
p { margin: .25rem 0 1rem; }
code, pre { font: 13px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
a { color: inherit; }
.faint, .unneeded { color: var(--faint); }
.wide { overflow-x: auto; }
.wide:focus-visible, pre:focus-visible, a:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
.said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .4rem .75rem .4rem 0; text-align: left; vertical-align: top; }
.matrix td.sign, .matrix th.sign { text-align: center; padding: .3rem .4rem; }
.matrix th.sign { vertical-align: bottom; font-weight: 500; font-size: .8rem; }
.matrix th.sign span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; }
.matrix th { vertical-align: bottom; }
.matrix td:first-child { white-space: nowrap; }
.sign { font-weight: 700; }
.present { color: var(--good); }
.faulty { color: var(--bad); }
.absent { color: var(--warn); }
.unknown { color: var(--ask); }
.update td:first-child { white-space: nowrap; }
.update td:nth-child(2) { font-weight: 600; white-space: nowrap; }
.update td div + div { color: var(--faint); }
.update td .rule { color: inherit; font-weight: 600; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: 6px; margin: 1rem 0; overflow-x: auto;
  padding: .75rem 1rem; }
.gutter, .note { color: var(--mark); }
.good { color: var(--good); }
.error { color: var(--bad); }
.warning { color: var(--warn); }
.dim { color: var(--faint); }
@media (max-width: 40rem) {
  .update, .update tbody, .update tr, .update td { display: block; border: 0; padding: 0; }
  .update tr { border-bottom: 1px solid var(--line); padding: .5rem 0; }
}
"""


@dataclass(frozen=True, slots=True)
class _Page(Terminal):
    """A terminal whose colours are spans of a page, once its text has been escaped."""

    def paint(self, text: str, style: str) -> str:
        return f"{_OPEN}{style}{_CLOSE}{text}{_END}" if text else text


def page(audit: Audit) -> Iterator[str]:
    """The lines of the page."""
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8"/>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
    yield "<title>gradlint audit</title>"
    yield f"<style>{_STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield "<main>"
    yield "<h1>Safeguards against exploding gradients</h1>"
    yield f'<p class="faint">{_text(conclusion(audit))}</p>'
    if audit.problems:
        yield f"<ul>{''.join(f'<li>{_text(problem(each))}</li>' for each in audit.problems)}</ul>"
    if audit.entries:
        yield from _matrix(audit)
    for index, entry in enumerate(audit.entries):
        yield from _update(index, entry, audit)
    yield "</main>"
    yield "</body>"
    yield "</html>"


def _matrix(audit: Audit) -> Iterator[str]:
    """All updates beside all safeguards, a sign each."""
    yield '<div class="wide" role="region" aria-label="all updates" tabindex="0"><table class="matrix">'
    heads = ['<th scope="col">update</th>', '<th scope="col">kind</th>']
    heads += [f'<th class="sign" scope="col"><span>{_text(advice.title)}</span></th>' for advice in ADVICE.values()]
    yield f"<thead><tr>{''.join(heads)}</tr></thead>"
    yield "<tbody>"
    for index, entry in enumerate(audit.entries):
        names = ", ".join(shown.kind.value for shown in entry.kinds) or (
            "tensors" if entry.untold == TENSORS else "not known"
        )
        signs = "".join(_sign(key, verdict) for key, verdict in entry.verdicts.items())
        link = f'<a href="#u{index}"><code>{_text(_row(entry.place))}</code></a>'
        yield f"<tr><td>{link}</td><td>{_text(names)}</td>{signs}</tr>"
    yield "</tbody></table></div>"
    legend = " ".join(
        f'<span class="{_CLASSES[status]}">{_SIGNS[status]} {_text(status.value)}</span>' for status in Status
    )
    yield f"<p>{legend}</p>"


def _sign(key: str, verdict: Verdict) -> str:
    said = html.escape(printable(f"{ADVICE[key].title}: {verdict.status.value}, {verdict.why}"), quote=True)
    return f'<td class="sign {_CLASSES[verdict.status]}" title="{said}">{_both(verdict.status)}</td>'


def _both(status: Status) -> str:
    """A sign to see, and its meaning for those who have the page read out."""
    return f'<span aria-hidden="true">{_SIGNS[status]}</span><span class="said">{_text(status.value)}</span>'


def _update(index: int, entry: Entry, audit: Audit) -> Iterator[str]:
    yield f'<h2 id="u{index}">{_text(_row(entry.place))} {_coded(headline(entry))}</h2>'
    yield f'<p class="faint">{"<br/>".join(_coded(line) for line in kinds(entry))}</p>'
    yield '<table class="update"><tbody>'
    for key, verdict in entry.verdicts.items():
        dim = ' class="unneeded"' if verdict.status is Status.UNNEEDED else ""
        sign = f"{_SIGNS[verdict.status]} {_text(verdict.status.value)}"
        yield f"<tr{dim}><td>{_text(ADVICE[key].title)}</td>"
        yield f'<td class="{_CLASSES[verdict.status]}">{sign}</td>'
        yield f"<td>{''.join(_said(key, verdict, entry))}</td></tr>"
    yield "</tbody></table>"
    for group in _frames(entry):
        source = audit.sources.get(group[0].place.path)
        lines = file_lines(source, group[0].place.cell)
        if lines and all(mark.place.end.row <= len(lines) for mark in group):
            yield f'<p class="faint"><code>{_text(_file(group[0].place))}</code></p>'
            gutter = max(len(str(mark.place.end.row)) for mark in group)
            yield f'<pre tabindex="0">{_spans(frame(lines, group, _Page(None, colours=True), gutter))}</pre>'


def _said(key: str, verdict: Verdict, entry: Entry) -> Iterator[str]:
    yield f"<div>{_coded(verdict.why)}</div>"
    if verdict.status is Status.ABSENT and (why := reason(key, entry)):
        yield f"<div>{_coded(why)}</div>"
    for finding in verdict.findings:
        yield f'<div class="rule">{_text(rule(finding, entry))}</div>'
        if finding.fix is not None:
            yield f"<div>{_coded(finding.fix.title)}</div>"
    if verdict.spots and (at := places(verdict.spots)):
        yield f"<div><code>{_text('; '.join(at))}</code></div>"


def _frames(entry: Entry) -> list[list[Mark]]:
    """The places that the verdicts point at, by file and cell, that of the step first."""
    marks: dict[Place, Mark] = {entry.place: Mark(entry.place, "this update", "bold", main=True)}
    for shown in entry.kinds:
        marks.setdefault(shown.spot.place, Mark(shown.spot.place, shown.spot.what, "gutter", main=False))
    for key, verdict in entry.verdicts.items():
        if verdict.status is Status.UNNEEDED:
            continue
        style = "good" if verdict.status is Status.PRESENT else "warning"
        for each in verdict.spots:
            label = f"{ADVICE[key].title}: {each.what}"
            if each.place not in marks:
                marks[each.place] = Mark(each.place, label, style, main=False)
    groups: dict[tuple[str, int | None], list[Mark]] = {}
    for mark in marks.values():
        groups.setdefault((mark.place.path, mark.place.cell), []).append(mark)
    return [sorted(group, key=lambda mark: mark.place.start) for group in groups.values()]


def _row(place: Place) -> str:
    return where(place).rpartition(":")[0]


def _file(place: Place) -> str:
    return _row(place).rpartition(":")[0]


def _spans(lines: Iterator[str]) -> str:
    """Painted text as HTML."""
    text = html.escape("\n".join(lines), quote=False)
    return re.sub(f"[{_OPEN}{_CLOSE}{_END}]", "", _STYLED.sub(r'<span class="\1">\2</span>', text))


def _text(text: str) -> str:
    return html.escape(printable(text), quote=False)


def _coded(text: str) -> str:
    """Text in which `backticks` mark code."""
    parts: Sequence[str] = printable(text).split("`")
    if len(parts) % 2 == 0:
        return _text(text)
    return "".join(
        f"<code>{html.escape(part, quote=False)}</code>" if index % 2 else html.escape(part, quote=False)
        for index, part in enumerate(parts)
    )
