"""The checker sees what is wrong: a sound database is damaged in one place at a time."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from .checker import check
from .drawing import read_drawing
from .history import History, Job, JobEnd, read_history
from .journal import Journal, read_journal
from .leases import leases
from .orchestrator import Outcome, run
from .plan import Plan
from .promises import read_promises
from .story import STORY, again
from .worlds import sqlite

INSTANCES = 60
SEED = 1
"""With these, every element of the story is visited, whichever worker gets which job."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A story that ran to its end, with nobody killed."""
    folder = tmp_path_factory.mktemp("sound")
    plan = Plan(seed=SEED, dangers=0, instances=INSTANCES, mean_pause=0, settle_seconds=60)
    return run(folder, plan, sqlite)


@pytest.fixture
def copy(sound: Outcome, tmp_path: Path) -> Path:
    """A copy of its database that may be damaged."""
    copied = tmp_path / "damaged.db"
    source = sqlite3.connect(sound.url.removeprefix("sqlite:///"))
    target = sqlite3.connect(copied)
    source.backup(target)
    source.close()
    target.close()
    return copied


def damage(database: Path, statements: str) -> None:
    connection = sqlite3.connect(database)
    before = connection.total_changes
    connection.executescript(statements)
    assert connection.total_changes > before, "the damage met no row"
    connection.close()


def twin(table: str, where: str) -> str:
    """SQL that adds a copy of one row under a key of its own."""
    return (
        f"CREATE TEMP TABLE twin AS SELECT * FROM {table} WHERE {where} LIMIT 1;"
        f"UPDATE twin SET key=key+1000000000; INSERT INTO {table} SELECT * FROM twin;"
    )


def one(element_id: str) -> str:
    """Of an instance that came to its end by itself: where all was stopped, tokens may vanish."""
    return (
        f"key=(SELECT min(key) FROM element_instance WHERE element_id='{element_id}' AND instance_key NOT IN "
        "(SELECT instance_key FROM element_instance WHERE element_id='Stop'))"
    )


def named(message: str) -> str:
    return f"message_key IN (SELECT key FROM message WHERE name='{message}')"


_ROOT = "(SELECT min(key) FROM process_instance WHERE process_id='voyage')"
_DAMAGES = {
    "an instance is gone": (f"DELETE FROM process_instance WHERE key={_ROOT}", "was acknowledged as"),
    "an instance nobody started": (
        f"UPDATE variable SET value='\"other\"' WHERE name='ref' AND scope_key={_ROOT}",
        "nobody started other",
    ),
    "an instance was started twice": (
        "CREATE TEMP TABLE twin AS SELECT * FROM process_instance WHERE process_id='voyage' LIMIT 1;"
        "INSERT INTO variable SELECT key+1000000000, v.name, v.root_key, v.value, v.updated_at "
        "FROM variable v JOIN twin ON v.scope_key=twin.key WHERE v.name='ref';"
        "UPDATE twin SET key=key+1000000000, idempotency_key='other';"
        "INSERT INTO process_instance SELECT * FROM twin;",
        "one start of",
    ),
    "an instance began elsewhere": (
        f"UPDATE element_instance SET element_id='Begin' WHERE {one('Start')}",
        "Begin started 1 times",
    ),
    "a token did not begin where the start said": (
        "DELETE FROM element_instance WHERE key=(SELECT min(key) FROM element_instance "
        "WHERE element_id='Pier' AND flow_id IS NULL)",
        "Pier started 0 times",
    ),
    "an instance runs on": (
        f"UPDATE process_instance SET state=1, ended_at=NULL WHERE key={_ROOT}",
        "has not ended",
    ),
    "an instance was terminated": (
        f"UPDATE process_instance SET state=5 WHERE key={_ROOT}",
        "was cancelled by nobody",
    ),
    "an element is gone": (f"DELETE FROM element_instance WHERE {one('Note')}", "Note_Fork"),
    "a join is gone": (f"DELETE FROM element_instance WHERE {one('Join')}", "tokens left by"),
    "an end inside a sub-process is gone": (
        f"DELETE FROM element_instance WHERE {one('SubEnd')}",
        "SubJoin_SubEnd",
    ),
    "a merge is gone": (f"DELETE FROM element_instance WHERE {one('Merge')}", "Merge_Join"),
    "an element ran twice": (twin("element_instance", one("Work")), "Fork_Work"),
    "a start event ran twice": (twin("element_instance", one("SubStart")), "SubStart started 2 times"),
    "a merge went on twice": (twin("element_instance", one("Merge")), "merged 2 times"),
    "a loop child is gone": (
        "DELETE FROM element_instance WHERE element_id='Many' AND loop_counter=2",
        "children [1, 3] of 3",
    ),
    "a loop child ran twice": (
        twin("element_instance", "element_id='Many' AND loop_counter=2"),
        "children [1, 2, 2, 3] of 3",
    ),
    "an element has not ended": (
        f"UPDATE element_instance SET state=1, ended_at=NULL WHERE {one('Note')}",
        "Note has not ended",
    ),
    "an element was terminated": (
        f"UPDATE element_instance SET state=5 WHERE {one('Note')}",
        "terminated by nobody",
    ),
    "an element began too soon": (
        f"UPDATE element_instance SET started_at=started_at-1000 WHERE {one('Which')}",
        "began before Work had completed",
    ),
    "a token took the other flow": (
        f"UPDATE element_instance SET flow_id='Which_ScriptJob' WHERE {one('Script')}",
        "does not lead there",
    ),
    "a choice was wrong": (
        "UPDATE element_instance SET element_id='ScriptJob', flow_id='Which_ScriptJob' "
        f"WHERE {one('Script')}",
        "Which_Script,",
    ),
    "a boundary event is gone": (
        f"DELETE FROM element_instance WHERE {one('Sunk')}",
        "interrupted by an event that is not there",
    ),
    "a boundary event interrupted nobody": (
        twin("element_instance", one("Sunk")),
        "fired and interrupted nobody",
    ),
    "an event after a gateway is gone": (
        f"DELETE FROM element_instance WHERE {one('Answer')}",
        "0 events followed",
    ),
    "a called instance is gone": (
        "DELETE FROM process_instance WHERE key=(SELECT min(key) FROM process_instance "
        "WHERE process_id='voyage_child')",
        "what it called as []",
    ),
    "a timer fired early": (
        f"UPDATE element_instance SET ended_at=started_at+50 WHERE {one('Pause')}",
        "Pause fired 50 ms early",
    ),
    "a boundary timer fired early": (
        f"UPDATE element_instance SET started_at=started_at-1000 WHERE {one('Late')}",
        "ms early",
    ),
    "a gateway's timer fired early": (
        f"UPDATE element_instance SET started_at=started_at-500 WHERE {one('Tired')}",
        "ms early",
    ),
    "a lease is orphaned": (
        "UPDATE job SET state=2, ended_at=NULL, due=created_at+1500 WHERE key=(SELECT min(key) FROM job)",
        "its job is left as",
    ),
    "a completion is undone": (
        "UPDATE job SET state=6 WHERE key=(SELECT min(key) FROM job WHERE element_id='Approve')",
        "completion of job",
    ),
    "a job is gone": ("DELETE FROM job WHERE key=(SELECT min(key) FROM job)", "has 0 jobs"),
    "a job was made twice": (twin("job", "element_id='Tell'"), "has 2 jobs"),
    "a message is gone": ("DELETE FROM message WHERE key=(SELECT min(key) FROM message)", "message ("),
    "a message is there twice": (twin("message", "name='paid'"), "message ("),
    "a message started two instances": (
        twin("process_instance", "process_id='echo'"),
        "started 2 echoes",
    ),
    "a message was correlated twice": (twin("element_instance", one("Nudged")), "Nudged completed"),
    "a nudge came under a wrong id": (
        "UPDATE variable SET value='\"other\"' WHERE name='nudge_id'",
        "times, by [",
    ),
    "a message went nowhere": (
        f"DELETE FROM correlation WHERE process_id='voyage' AND {named('paid')}",
        "0 messages 'paid' were correlated, WaitPaid completed 1 times",
    ),
    "a message start is not noted": (
        f"DELETE FROM correlation WHERE process_id='echo' AND {named('hello')}",
        "was correlated 0 times and started 1 echoes",
    ),
    "a message that was there was missed": (
        f"DELETE FROM correlation WHERE process_id='voyage' AND {named('answer')};"
        "UPDATE element_instance SET started_at=started_at+3600000 WHERE element_id='Choose'",
        "Choose missed message",
    ),
    "a signal was not heard": (
        "UPDATE element_instance SET state=5, interrupted_by=1 WHERE element_id='Flag'",
        "Raise threw 1 times, Flag heard it 0 times",
    ),
    "a signal was heard twice": (
        twin("element_instance", one("Rung")),
        "Bell threw 1 times, Rung heard it 2 times",
    ),
    "a signal was heard before it was thrown": (
        f"UPDATE element_instance SET ended_at=0 WHERE {one('Flag')}",
        "Flag heard Raise before it threw",
    ),
    "a signal around its thrower was not heard": (
        f"DELETE FROM element_instance WHERE {one('Alarmed')}",
        "Alarm threw 1 times, Alarmed heard it 0 times",
    ),
    "a signal started nobody": (
        "DELETE FROM process_instance WHERE key="
        "(SELECT min(key) FROM process_instance WHERE process_id='keeper')",
        "started 0 keepers",
    ),
    "a signal started two instances": (
        "CREATE TEMP TABLE twin AS SELECT * FROM process_instance WHERE process_id='keeper' LIMIT 1;"
        "INSERT INTO variable SELECT key+1000000000, v.name, v.root_key, v.value, v.updated_at "
        "FROM variable v JOIN twin ON v.scope_key=twin.key;"
        "UPDATE twin SET key=key+1000000000; INSERT INTO process_instance SELECT * FROM twin;",
        "started 2 keepers",
    ),
    "a light was seen twice": (twin("element_instance", one("Lit")), "saw "),
    "a light was seen that nobody lit": (
        "UPDATE variable SET value='\"nobody\"' WHERE name='lit_by' "
        "AND scope_key IN (SELECT key FROM process_instance WHERE process_id='voyage')",
        "saw the light of nobody",
    ),
    "a completion under an old lease was accepted": (
        "UPDATE job SET lease=lease+1 WHERE element_id='Approve'",
        "was accepted under lease 1, the newest is 2",
    ),
    "a lease is not known": ("UPDATE job SET lease=0", "the database knows 0"),
    "an incident is open": (
        "INSERT INTO incident (key, root_key, instance_key, element_id, type, message, created_at) "
        "VALUES (1, 1, 1, 'Note', 1, 'stuck', 0)",
        "an incident is open: Note: stuck",
    ),
    "a timer is left": ("INSERT INTO timer VALUES (1, 1, 1, 1, 'Late', 0, NULL, 1)", "left in timer"),
    "a token waits at a join": ("INSERT INTO join_token VALUES (1, 'Join', 1, '{}')", "left in join_token"),
    "a subscription is left": (
        "INSERT INTO message_subscription VALUES (1, 1, 1, 1, 'Nudged', '', 'voyage', 'nudge', 'x')",
        "left in message_subscription",
    ),
    "a signal subscription is left": (
        "INSERT INTO signal_subscription VALUES (1, 1, 1, 1, 'Flag', '', 'flag', 0)",
        "left in signal_subscription",
    ),
    "a message is on its way": ("INSERT INTO delivery VALUES (1, 1)", "left in delivery"),
    "a command is left": ("INSERT INTO command VALUES (1, 1, '', x'00', 0)", "left in command"),
    "an item is left": ("INSERT INTO item VALUES (1, 1, 1, 'null')", "left in item"),
}


def test_a_sound_story_has_no_complaints(sound: Outcome) -> None:
    assert check(sound.url, STORY, sound.journals) == []


def test_the_sound_story_visits_every_element_drawn(sound: Outcome) -> None:
    visits = read_history(sound.url).visits.values()
    visited = {visit.element_id for scope in visits for visit in scope}
    # The terminate end event beside it comes first; who throws the alarm is taken away with its sub-process.
    never = {"ForeverEnd", "Asleep"}
    perhaps = {"Moored"}  # where the horn is heard before who sounded it has said so, nobody gets there
    assert visited | perhaps == set(read_drawing(STORY).elements) - never


@pytest.mark.parametrize("name", _DAMAGES)
def test_the_checker_complains_when(name: str, sound: Outcome, copy: Path) -> None:
    # Given a sound story
    statements, complaint = _DAMAGES[name]
    # When its database is damaged
    damage(copy, statements)
    # Then the checker says so
    complaints = check(f"sqlite:///{copy}", STORY, sound.journals)
    assert any(complaint in text for text in complaints), complaints


_START = {"kind": "start?", "ref": "i-999", "facts": {}, "elements": ["Start"], "sure": True}


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"kind": "started", "ref": "i-999", "key": 7}, "start i-999 was acknowledged as 7"),
        (_START, "start i-999 was never acknowledged"),
        (
            {"kind": "published", "name": "paid", "ref": "x", "id": "y", "key": 7, "at": 7},
            "message ('paid', 'x', 'y')",
        ),
        (
            {"kind": "published", "name": "hello", "ref": "x", "id": "y", "key": 7, "at": 7},
            "started 0 echoes",
        ),
        ({"kind": "completed", "job": 7, "lease": 1}, "completion of job 7"),
    ],
)
def test_the_checker_complains_of_an_acknowledgement_without_its_effect(
    entry: dict[str, object], complaint: str, sound: Outcome, tmp_path: Path
) -> None:
    # Given a journal with a line the database knows nothing of
    extra = tmp_path / "extra.jsonl"
    extra.write_text(json.dumps(entry) + "\n")
    # When it is checked with the others
    complaints = check(sound.url, STORY, [*sound.journals, extra])
    # Then the checker says so
    assert any(complaint in text for text in complaints), complaints


_COMPLETED: dict[str, object] = {"kind": "completed", "job": 7, "lease": None}


def test_the_checker_complains_of_a_signal_that_nobody_broadcast(sound: Outcome, tmp_path: Path) -> None:
    # Given journals without the broadcasts
    silent = [tmp_path / journal.name for journal in sound.journals]
    for journal, copied in zip(sound.journals, silent, strict=True):
        entries = [entry for entry in read_journal(journal) if entry["kind"] != "broadcast?"]
        copied.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    # When they are checked
    complaints = check(sound.url, STORY, silent)
    # Then the checker says so
    assert any("heard a horn that nobody sounded" in text for text in complaints), complaints


def test_a_start_that_is_not_repeated_may_be_unknown_if_another_try_is_known(
    sound: Outcome, tmp_path: Path
) -> None:
    # Given a client that lost the answer to a first start, and got that to a second one
    journal = tmp_path / "extra.jsonl"
    lost = {**_START, "sure": False}
    journal.write_text(json.dumps({**lost, "ref": again("i-0", 1)}) + "\n")
    known = [*sound.journals, journal]
    # When that is checked, and again with one of whose tries none is known
    complaints = check(sound.url, STORY, known)
    journal.write_text(json.dumps(lost) + "\n")
    # Then only the second one is missed
    assert complaints == []
    assert check(sound.url, STORY, known) == ["start i-999 was never acknowledged"]


def _handed(lease: int | None, since: int, until: int, job: int = 7) -> dict[str, object]:
    return {"kind": "handed", "job": job, "lease": lease, "since": since, "until": until}


@pytest.mark.parametrize(
    ("entries", "complaints"),
    [
        ([_handed(1, 0, 100), _handed(2, 100, 200)], []),
        ([_handed(1, 0, 100), _handed(3, 150, 250)], []),
        ([_handed(1, 0, 100), _handed(2, 99, 199)], ["1 ms before lease 1 had ended"]),
        ([_handed(1, 0, 100), {"kind": "failing", "job": 7, "lease": 1}, _handed(2, 50, 150)], []),
        ([_handed(1, 0, 100), _handed(1, 200, 300)], ["twice under lease 1"]),
        ([_handed(4, 0, 100)], ["under lease 4, the database knows 3"]),
        # over gRPC
        ([_handed(None, 0, 100), _handed(None, 100, 200)], []),
        ([_handed(None, 0, 100), _handed(None, 99, 199)], ["1 ms before its lease had ended"]),
        (
            [
                _handed(None, 0, 100),
                {"kind": "failing", "job": 7, "lease": None},
                _handed(None, 50, 150),
            ],
            [],
        ),
        ([_handed(None, at, at + 1) for at in range(4)], ["handed out 4 times, the database knows 3"]),
        ([_COMPLETED], []),
        ([_COMPLETED, _COMPLETED], ["was accepted 2 times"]),
    ],
)
def test_no_two_leases_of_a_job_are_valid_at_once(
    entries: list[dict[str, object]], complaints: list[str], tmp_path: Path
) -> None:
    # Given what workers were handed of a job that was handed out three times
    journal = tmp_path / "worker.jsonl"
    journal.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    job = Job(key=7, element_key=1, state=JobEnd.COMPLETED, due=None, lease=3, ended_at=300)
    history = History(
        instances={},
        visits={},
        jobs={7: job},
        messages=[],
        correlated=set(),
        written={},
        waiting={},
        incidents=[],
    )
    # When it is judged
    found = list(leases(history, read_promises([journal])))
    # Then leases overlap only where the worker gave the first one back
    assert len(found) == len(complaints)
    assert all(expected in text for expected, text in zip(complaints, found, strict=True))


def test_a_torn_last_line_is_dropped_and_the_journal_goes_on(tmp_path: Path) -> None:
    # Given a journal whose writer was killed in the middle of a line
    path = tmp_path / "journal.jsonl"
    first = Journal(path)
    first.write("completed", job=1)
    first.close()
    with path.open("ab") as file:
        file.write(b'{"kind": "comple')
    # When its successor opens it and writes
    second = Journal(path)
    assert second.before == [{"kind": "completed", "job": 1}]
    second.write("completed", job=2)
    second.close()
    # Then both whole lines are there, and nothing else
    assert read_journal(path) == [{"kind": "completed", "job": 1}, {"kind": "completed", "job": 2}]
