"""The parallel gateway (BPMN 2.0 section 10.6.4): every path, and a join that waits for all."""

from procession.testing import ProcessTester
from tests.building import bpmn, connect, element, end, flow, gateway, job, start

FORK_AND_JOIN = bpmn(
    start()
    + gateway("parallel", "fork")
    + job("a")
    + job("b")
    + gateway("parallel", "join")
    + job("t")
    + end(),
    "s>fork fork>a fork>b a>join b>join join>t t>e",
)


def passes(process: ProcessTester, element_id: str) -> int:
    return [step.element_id for step in process.detail.path].count(element_id)


def test_every_path_is_taken(process: ProcessTester) -> None:
    process.deploy(FORK_AND_JOIN)
    process.start("p")
    process.assert_waits_at("a", "b")


def test_a_join_waits_for_a_token_on_each_incoming_flow(process: ProcessTester) -> None:
    process.deploy(FORK_AND_JOIN)
    process.start("p")
    # When one of two paths is done
    process.complete_job("a")
    # Then the token waits at the join, and says for what
    process.assert_waits_at("b", "join")
    process.assert_not_passed("join")
    # When the other is done too
    process.complete_job("b")
    # Then one token goes on
    process.assert_waits_at("t")
    assert passes(process, "join") == passes(process, "t") == 1


def test_paths_that_never_wait_join_in_one_go(process: ProcessTester) -> None:
    body = start() + gateway("parallel", "f") + element("task", "a") + element("task", "b")
    body += gateway("parallel", "j") + end()
    process.deploy(bpmn(body, "s>f f>a f>b a>j b>j j>e"))
    process.start("p")
    process.assert_completed()
    assert passes(process, "j") == 1


def test_a_gateway_may_join_and_fork_at_once(process: ProcessTester) -> None:
    body = start() + gateway("parallel", "f") + element("task", "a") + element("task", "b")
    body += gateway("parallel", "j") + job("x") + job("y")
    process.deploy(bpmn(body, "s>f f>a f>b a>j b>j j>x j>y"))
    process.start("p")
    process.assert_waits_at("x", "y")
    assert passes(process, "j") == 1


def test_two_tokens_on_one_flow_do_not_stand_for_one_on_each(process: ProcessTester) -> None:
    # Given a join with flows from `m`, which two tokens pass, and from `b`, which waits
    body = start() + gateway("parallel", "f") + gateway("exclusive", "m") + job("b")
    body += element("task", "x") + element("task", "y") + gateway("parallel", "j") + job("t")
    process.deploy(bpmn(body, "s>f f>x f>y x>m y>m m>j f>b b>j j>t"))
    process.start("p")
    # Then it does not fire
    process.assert_not_passed("j")
    # When the token from `b` comes
    process.complete_job("b")
    # Then it fires once, and one token stays behind
    assert passes(process, "j") == 1
    process.complete_job("t")
    process.assert_waits_at("j")
    process.assert_active()


def test_an_instance_completes_when_its_last_token_is_consumed(process: ProcessTester) -> None:
    process.deploy(bpmn(start() + job("a") + job("b") + end("e1") + end("e2"), "s>a s>b a>e1 b>e2"))
    process.start("p")
    process.complete_job("a")
    process.assert_passed("e1")
    process.assert_active()
    process.complete_job("b")
    process.assert_completed()


def test_conditions_after_a_parallel_gateway_are_ignored_with_a_warning(process: ProcessTester) -> None:
    body = start() + gateway("parallel", "f") + job("a") + job("b") + connect("s>f f>a")
    deployment = process.deploy(bpmn(body + flow("f", "b", "false")))
    assert [warning.element_id for warning in deployment.warnings] == ["f_b"]
    process.start("p")
    process.assert_waits_at("a", "b")
