"""The cache: it never changes what is said, whatever changed and whatever is in it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradlint import cache, replay, store, tree
from gradlint.cache import Entry, decoded, digest, encoded
from gradlint.finding import Finding, Level, Problem, Related
from gradlint.fix.edits import Edit, Fix, Safety
from gradlint.plan import Planner
from gradlint.runner import Summary, run
from gradlint.source.place import Place, Position
from tests.conftest import RNN_LOOP, Gradlint, process

CLIPPED = RNN_LOOP.replace(
    "        optimizer.step()", "        nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n        optimizer.step()"
)
MODEL, _, LOOP = RNN_LOOP.partition("\n\ndef train")
LOOP = "import torch\nfrom torch import nn\n\nfrom model import Tagger\n\n\ndef train" + LOOP

texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs", "Cf", "Co", "Cn"]))
positions = st.builds(Position, st.integers(1), st.integers(1))
places = st.builds(Place, texts, positions, positions, st.none() | st.integers(0))
fixes = st.builds(
    Fix,
    texts,
    st.sampled_from(Safety),
    st.lists(st.builds(Edit, st.integers(0), st.integers(0), texts)).map(tuple),
)
findings = st.builds(
    Finding,
    code=texts,
    name=texts,
    level=st.sampled_from(Level),
    message=texts,
    place=places,
    help=texts,
    update=st.none() | places,
    related=st.lists(st.builds(Related, places, texts), max_size=2).map(tuple),
    fix=st.none() | fixes,
    unfixed=st.none() | texts,
)
entries = st.builds(
    Entry,
    st.lists(st.tuples(texts, st.lists(findings, max_size=2).map(tuple)), max_size=2).map(tuple),
    st.lists(st.builds(Problem, texts, st.none() | texts, st.none() | st.integers(1)), max_size=2).map(tuple),
    st.dictionaries(texts, st.none() | texts, max_size=2),
    st.dictionaries(texts, st.none() | texts, max_size=2),
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture
def linted(project: Path) -> Callable[[], Summary]:
    """Lint the project with the cache in it, and hold the result against one without."""

    def lint() -> Summary:
        kept = run([Path()], Planner(), cache=cache.Cache(Path(store.FOLDER)))
        fresh = run([Path()], Planner())
        assert (kept.findings, kept.problems, kept.training) == (fresh.findings, fresh.problems, fresh.training)
        assert all((held := kept.source(name)) and held.data == fresh.sources[name].data for name in fresh.sources)
        return kept

    return lint


@given(entries)
def test_an_entry_survives_json(entry: Entry) -> None:
    assert decoded(Entry, json.loads(json.dumps(encoded(entry)))) == entry


@given(plain)
def test_what_is_no_entry_is_refused(data: object) -> None:
    try:
        entry = decoded(Entry, data)
    except (TypeError, ValueError):
        return
    assert encoded(entry) == data


def test_control_characters_are_refused() -> None:
    with pytest.raises(ValueError, match="control"):
        decoded(Problem, ["\x1b[2J", None, None, None, None])


@given(st.lists(st.text()), st.lists(st.text()))
def test_digests_differ(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) is (one == other)


def test_a_second_run_analyses_nothing(
    project: Path, linted: Callable[[], Summary], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    first = linted()
    assert [finding.code for finding in first.findings] == ["GL101"]
    monkeypatch.setattr("gradlint.engine.Project.check", lambda *_: pytest.fail("it was analysed again"))
    assert run([Path()], Planner(), cache=cache.Cache(Path(store.FOLDER))).findings == first.findings


def test_an_edit_counts(project: Path, linted: Callable[[], Summary]) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    assert linted().findings
    (project / "train.py").write_text(CLIPPED)
    assert not linted().findings
    (project / "train.py").write_text(RNN_LOOP)
    assert linted().findings


def test_an_imported_file_counts(project: Path, linted: Callable[[], Summary]) -> None:
    (project / "train.py").write_text(LOOP)
    (project / "model.py").write_text(MODEL)
    assert linted().findings
    (project / "model.py").write_text(MODEL.replace("nn.LSTM(32, 64)", "nn.Identity()"))
    assert not linted().findings
    (project / "model.py").unlink()
    assert not linted().findings
    (project / "model").mkdir()
    (project / "model" / "__init__.py").write_text(MODEL)
    assert linted().findings


def test_an_imported_file_that_is_not_linted_counts(project: Path, linted: Callable[[], Summary]) -> None:
    (project / "train.py").write_text(LOOP.replace("from model", "from build.model"))
    assert not linted().findings
    (project / "build").mkdir()
    (project / "build" / "model.py").write_text(MODEL)
    assert linted().findings
    (project / "build" / "model.py").write_text(MODEL.replace("nn.LSTM(32, 64)", "nn.Identity()"))
    assert not linted().findings


def test_a_known_file_that_changed_under_its_old_time_counts(project: Path, linted: Callable[[], Summary]) -> None:
    (project / "train.py").write_text(LOOP.replace("from model", "from nets"))
    (project / "model.py").write_text(MODEL)
    nets = project / "nets.py"
    nets.write_text("from model import Tagger\n")
    time.sleep(2 * store.RECENT / 1e9)
    assert linted().findings
    read: list[str] = []

    def look(data: bytes, path: str) -> tree.Glance:
        read.append(path)
        return tree.Glance("", 0, True, "")

    (project / "model.py").write_text(MODEL + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gradlint.tree.glance_at", look)
        run([Path()], Planner(), cache=cache.Cache(Path(store.FOLDER)))
    assert [Path(path).name for path in read] == ["model.py"]
    before = nets.stat()
    nets.write_text("from other import Tagger\n")
    os.utime(nets, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not linted().findings


def test_settings_and_vocabulary_count(project: Path, linted: Callable[[], Summary]) -> None:
    (project / "train.py").write_text(
        RNN_LOOP.replace("        optimizer.step()", "        help.limit(model.parameters())\n        optimizer.step()")
    )
    assert linted().findings
    (project / "gradlint.toml").write_text('[vocabulary]\n"help.limit" = "clip"\n')
    linted()
    (project / "gradlint.toml").write_text('ignore = ["GL101"]\n')
    assert not linted().findings
    (project / "gradlint.toml").unlink()
    assert linted().findings


def test_rules_count(project: Path, linted: Callable[[], Summary]) -> None:
    (project / "train.py").write_text(CLIPPED)
    (project / "gradlint.toml").write_text('packs = ["own"]\n')
    (project / "own").mkdir()
    rule = project / "own" / "noisy.py"
    text = (
        '"""A rule."""\nfrom gradlint import Rule\n\n\n'
        'class Noisy(Rule):\n    """## What it does\n    Says a word."""\n\n'
        '    code = "XY101"\n    name = "noisy"\n\n    def check_update(self, update):\n'
        '        yield self.at(update.module, update.node, "a word")\n'
    )
    rule.write_text(text)
    before = Planner().plan(project)
    assert before is not None
    assert before.digest
    assert [finding.message for finding in linted().findings] == ["a word"]
    rule.write_text(text.replace("a word", "another"))
    after = Planner().plan(project)  # a rule that was imported stays what it was, but not for the cache
    assert after is not None
    assert after.digest != before.digest


def test_fixes_count(project: Path, gradlint: Gradlint) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    assert gradlint().status == 1
    assert gradlint("--fix").status == 0
    assert gradlint().status == 0
    assert "clip_grad_norm_" in (project / "train.py").read_text()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"a": 1}', b"\xff\xfe", b"[" * 100_000, b'"x"'])
@pytest.mark.parametrize("name", [cache.ENTRIES, tree.FILES, replay.RUNS])
def test_a_broken_cache_is_none(project: Path, linted: Callable[[], Summary], name: str, content: bytes) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    (project / store.FOLDER).mkdir()
    (project / store.FOLDER / name).write_bytes(content)
    assert linted().findings
    assert linted().findings


def test_a_hostile_cache_says_nothing_of_other_files(project: Path, linted: Callable[[], Summary]) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    linted()
    kept = project / store.FOLDER / cache.ENTRIES
    held = json.loads(kept.read_text())
    (key,) = held
    held[key][0][0][1][0][4][0] = "/etc/passwd"
    kept.write_text(json.dumps(held))
    assert [finding.place.path for finding in linted().findings] == ["train.py"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files there")
def test_a_cache_of_odd_files_is_none(project: Path, linted: Callable[[], Summary], tmp_path: Path) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    (project / store.FOLDER).mkdir()
    os.mkfifo(project / store.FOLDER / cache.ENTRIES)
    assert linted().findings
    (project / store.FOLDER / cache.ENTRIES).unlink()
    (tmp_path / "victim").write_text("precious")
    (project / store.FOLDER / cache.ENTRIES).symlink_to(tmp_path / "victim")
    assert linted().findings
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_linked_folder_is_left_alone(project: Path, linted: Callable[[], Summary], tmp_path: Path) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    (tmp_path / "elsewhere").mkdir()
    (project / store.FOLDER).symlink_to(tmp_path / "elsewhere")
    linted()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_options(project: Path, gradlint: Gradlint) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    assert gradlint("--no-cache").status == 1
    assert not (project / store.FOLDER).exists()
    assert gradlint("--cache-dir", "kept").status == 1
    time.sleep(2 * store.RECENT / 1e9)
    assert gradlint("--cache-dir", "kept").status == 1
    kept = {cache.ENTRIES, tree.FILES, ".gitignore", "CACHEDIR.TAG"}
    assert {path.name for path in (project / "kept").iterdir()} == kept
    assert gradlint("clean", "--cache-dir", "kept").out == "Removed kept.\n"
    assert not (project / "kept").exists()
    assert gradlint("clean").out == f"There is no cache in {store.FOLDER}.\n"


def test_clean_leaves_what_is_not_ours(project: Path, gradlint: Gradlint) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    gradlint()
    (project / store.FOLDER / "notes.txt").write_text("mine")
    assert gradlint("clean").status == 0
    assert [path.name for path in (project / store.FOLDER).iterdir()] == ["notes.txt"]


def test_the_cache_is_bounded(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST", 2)
    for number in range(4):
        kept = cache.Cache(Path(store.FOLDER))
        assert kept.get(f"{number}") is None
        kept.put(f"{number}", Entry((), (), {}, {}))
        kept.save()
    assert list(json.loads((project / store.FOLDER / cache.ENTRIES).read_text())) == ["2", "3"]


SLOW = {"gradlint.program", "libcst", "typer", "rich", "pathspec", "tomllib"}


def replayed(project: Path) -> tuple[str, str]:
    """What a run prints, and its exit status with which of the slow modules it imports."""
    import subprocess
    import sys

    from tests.conftest import ROOT

    command = [sys.executable, "-X", "importtime", "-m", "gradlint", "--output-format", "concise"]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    told = [line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")]
    return done.stdout, f"{done.returncode} {sorted(SLOW.intersection(told))}\n"


def test_a_run_with_nothing_new_imports_next_to_nothing(project: Path) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    time.sleep(2 * store.RECENT / 1e9)
    out, err = replayed(project)
    assert err.startswith("1 ['gradlint.program', ")
    assert replayed(project) == (out, "1 []\n")
    for change in (
        lambda: (project / "train.py").write_text(CLIPPED),
        lambda: (project / "other.py").write_text("import torch\n"),
        lambda: (project / "gradlint.toml").write_text('ignore = ["GL301"]\n'),
        lambda: (project / "sub").mkdir(),
        lambda: (project / "sub" / "requirements.txt").write_text("torch\n"),
    ):
        change()
        time.sleep(2 * store.RECENT / 1e9)
        out, err = replayed(project)
        assert "gradlint.program" in err
        assert replayed(project) == (out, f"{err[0]} []\n")


def test_what_changes_during_a_run_is_not_remembered(project: Path) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    os.utime(project / "train.py", ns=(2**62, 2**62))
    replayed(project)
    assert "gradlint.program" in replayed(project)[1]


def test_processes_say_the_same(project: Path) -> None:
    for number in range(40):
        (project / f"train_{number}.py").write_text(RNN_LOOP if number % 3 else CLIPPED)
    (project / "train_broken.py").write_text(RNN_LOOP + "def\n")
    outputs = set()
    for jobs in ("1", "3"):
        done = process("--no-cache", "--output-format", "json", "--jobs", jobs)
        outputs.add(done.communicate())
        assert done.returncode == 2
    assert len(outputs) == 1
