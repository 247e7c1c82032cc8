"""The inclusive gateway (BPMN 2.0 sections 10.6.3 and 13.4.3): some paths, and a merge that knows which."""

from procession.testing import ProcessTester
from tests.building import bpmn, connect, element, end, flow, gateway, job, script, start, sub


def split(after: str, flows: str, *, default: str | None = None) -> bytes:
    """`g` leads to `a` if n is 1 or 3, to `b` if n is 2 or 3, and to `c` otherwise."""
    body = start() + gateway("inclusive", "g", default=default) + after + connect("s>g " + flows)
    body += flow("g", "a", "n = 1 or n = 3") + flow("g", "b", "n = 2 or n = 3")
    return bpmn(body + (flow("g", "c") if default else ""))


MERGED = split(
    job("a") + job("b") + job("c") + gateway("inclusive", "m") + job("t"), "a>m b>m c>m m>t", default="g_c"
)


def passes(process: ProcessTester, element_id: str) -> int:
    return [step.element_id for step in process.detail.path].count(element_id)


def test_every_path_whose_condition_is_true_is_taken(process: ProcessTester) -> None:
    process.deploy(MERGED)
    process.start("p", {"n": 3})
    assert {job.element_id for job in process.jobs} == {"a", "b"}


def test_the_default_is_taken_when_no_condition_is_true(process: ProcessTester) -> None:
    process.deploy(MERGED)
    process.start("p", {"n": 0})
    assert [job.element_id for job in process.jobs] == ["c"]


def test_without_a_true_condition_or_default_it_is_an_incident(process: ProcessTester) -> None:
    process.deploy(split(job("a") + job("b"), ""))
    process.start("p", {"n": 0})
    process.assert_incident("CONDITION_ERROR", at="g")


def test_the_merge_waits_for_the_paths_that_were_taken(process: ProcessTester) -> None:
    process.deploy(MERGED)
    process.start("p", {"n": 3})
    process.complete_job("a")
    process.assert_waits_at("m", "b")
    process.complete_job("b")
    process.assert_waits_at("t")
    assert passes(process, "m") == 1


def test_the_merge_does_not_wait_for_paths_that_were_not_taken(process: ProcessTester) -> None:
    process.deploy(MERGED)
    process.start("p", {"n": 1})
    process.complete_job("a")
    process.assert_waits_at("t")


def test_the_merge_fires_when_the_path_it_waited_for_ends_elsewhere(process: ProcessTester) -> None:
    # Given two paths, one of which may end before the merge
    after = job("a") + job("b") + gateway("exclusive", "x", default="x_m") + end("lost")
    after += gateway("inclusive", "m") + job("t") + connect("a>m b>x x>m m>t") + flow("x", "lost", "away")
    process.deploy(split(after, ""))
    process.start("p", {"n": 3, "away": True})
    # When one token waits at the merge and the other ends
    process.complete_job("a")
    process.assert_waits_at("m")
    process.complete_job("b")
    # Then nothing can come any more, and the merge fires
    process.assert_passed("lost")
    process.assert_waits_at("t")


def test_paths_that_never_wait_merge_in_one_go(process: ProcessTester) -> None:
    after = element("task", "a") + element("task", "b") + gateway("inclusive", "m") + job("t")
    process.deploy(split(after, "a>m b>m m>t"))
    process.start("p", {"n": 3})
    process.assert_waits_at("t")
    assert passes(process, "m") == 1


def test_in_a_loop_each_round_merges_anew(process: ProcessTester) -> None:
    # Given a split and a merge inside a loop
    after = job("a") + job("b") + gateway("inclusive", "m") + job("check") + end()
    after += gateway("exclusive", "again", default="again_e") + flow("again", "back", "more")
    after += connect("a>m b>m m>check check>again again>e")
    body = (
        start() + gateway("exclusive", "back") + gateway("inclusive", "g") + after + connect("s>back back>g")
    )
    body += flow("g", "a", "n = 1 or n = 3") + flow("g", "b", "n = 2 or n = 3")
    process.deploy(bpmn(body))
    process.start("p", {"n": 3})
    # When the first round takes both paths, the second one
    process.complete_job("a")
    process.complete_job("b")
    process.complete_job("check", {"n": 2, "more": True})
    process.complete_job("b")
    process.complete_job("check", {"more": False})
    # Then the merge fired once in each
    assert passes(process, "m") == 2
    process.assert_completed()


def test_a_token_that_can_reach_the_merge_through_a_loop_is_waited_for(process: ProcessTester) -> None:
    # Given a path that goes round before it comes to the merge
    after = job("a") + job("b") + gateway("exclusive", "x", default="x_m") + gateway("exclusive", "in")
    after += gateway("inclusive", "m") + job("t") + connect("a>m in>b b>x x>m m>t") + flow("x", "in", "round")
    body = start() + gateway("inclusive", "g") + after + connect("s>g")
    body += flow("g", "a", "true") + flow("g", "in", "true")
    process.deploy(bpmn(body))
    process.start("p")
    process.complete_job("a")
    process.complete_job("b", {"round": True})
    # Then the merge still waits
    process.assert_waits_at("m", "b")
    process.complete_job("b", {"round": False})
    process.assert_waits_at("t")
    assert passes(process, "m") == 1


def test_a_merge_inside_a_sub_process_looks_at_its_own_scope_only(process: ProcessTester) -> None:
    inner = start("is") + gateway("inclusive", "g") + job("a") + job("b") + gateway("inclusive", "m")
    inner += flow("g", "a", "n = 1") + flow("g", "b", "n = 2") + end("ie")
    body = start() + sub("sub", inner, "is>g a>m b>m m>ie") + job("other") + end()
    process.deploy(bpmn(body, "s>sub s>other sub>e"))
    process.start("p", {"n": 1})
    process.complete_job("a")
    process.assert_passed("m", "ie")
    process.assert_waits_at("other")


def test_it_waits_for_a_path_that_splits_again_inside(process: ProcessTester) -> None:
    # Given a parallel block on one of the paths
    after = job("a") + element("task", "b") + gateway("parallel", "f") + job("x") + job("y")
    after += gateway("parallel", "j") + gateway("inclusive", "m") + job("t")
    process.deploy(split(after, "a>m b>f f>x f>y x>j y>j j>m m>t"))
    process.start("p", {"n": 3})
    process.complete_job("a")
    process.complete_job("x")
    process.assert_waits_at("m", "j", "y")
    process.complete_job("y")
    process.assert_waits_at("t")
    assert passes(process, "m") == 1


def test_it_waits_for_a_token_that_is_between_two_transactions(process: ProcessTester) -> None:
    # Given a short path, and one that goes round more often than one transaction has room for
    body = start() + gateway("inclusive", "g") + element("task", "a") + gateway("exclusive", "in")
    body += script("count", "n + 1", "n") + gateway("exclusive", "x", default="x_m")
    body += gateway("inclusive", "m") + job("t") + connect("s>g a>m in>count count>x x>m m>t")
    body += flow("g", "a", "true") + flow("g", "in", "true") + flow("x", "in", "n < 1000")
    process.deploy(bpmn(body))
    process.start("p", {"n": 0})
    # Then they merge when both have come
    assert process.variables == {"n": 1000}
    assert len(process.jobs) == 1
    assert passes(process, "m") == 1
