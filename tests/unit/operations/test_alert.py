"""What an alert says."""

from __future__ import annotations

from procession.operations.alerts.incident import next_step
from tests.alerting import a_notice, an_alert


def test_the_subject_is_one_line_of_bounded_length() -> None:
    subject = an_alert(message="first\r\nBcc: all@example.org " + "x" * 1000).subject
    assert subject.startswith("[shop] incident in order at Ship: first Bcc:")
    assert len(subject.splitlines()) == 1
    assert len(subject) <= 150


def test_the_text_says_everything_there_is_to_know() -> None:
    text = an_alert().text
    for fact in (
        "service: shop",
        "incident: 9",
        "kind: JOB_NO_RETRIES",
        "process: order",
        "instance: 5",
        "element: Ship",
        "job type: order_ship",
        "job: 7",
        "tries left: 0",
        "time: 2026-03-01T12:00:00+00:00",
        "no parcel",
        "mend it",
    ):
        assert fact in text.splitlines()


def test_what_is_not_known_is_left_out() -> None:
    text = an_alert(job_key=None, job_type=None, retries=None).text
    assert "job" not in text


def test_keys_are_texts_in_json() -> None:
    assert an_alert(incident_key=2251799813685250).as_json()["incident_key"] == "2251799813685250"


def test_incidents_without_a_known_key_have_an_id_by_job_and_time() -> None:
    assert an_alert(incident_key=None).id == an_alert(incident_key=None).id
    assert an_alert(incident_key=None).id != an_alert(incident_key=None, job_key=8).id


def test_the_next_step_is_a_command_that_can_be_pasted() -> None:
    step = next_step(a_notice(), "postgresql://me@host/my db")
    assert step.endswith("procession incident resolve 9 --retries 3 --db 'postgresql://me@host/my db'")


def test_an_incident_without_a_job_needs_no_retries() -> None:
    step = next_step(a_notice(job_key=None, job_type=None, retries=None), "sqlite:///o.db")
    assert step.endswith("procession incident resolve 9 --db sqlite:///o.db")


def test_on_a_foreign_server_it_names_the_instance() -> None:
    step = next_step(a_notice(incident_key=None), None)
    assert "procession incident list --instance 5" in step
    assert "Operate" in step
