"""Requests that are wrong in themselves (engine.md 12, api.md)."""

from __future__ import annotations

from pyzeebe.proto import gateway_pb2 as pb

from tests.oracle.models import task
from tests.oracle.run import Run
from tests.oracle.scenario import Difference, scenario


@scenario("jobs of no type cannot be asked for")
async def _(run: Run) -> None:
    await run.activate(run.activation("", 1))


@scenario("jobs cannot be leased for no time")
async def _(run: Run) -> None:
    await run.activate(run.activation("t", 1, lease_ms=0))
    await run.activate(run.activation("t", 1, lease_ms=-1))


@scenario("jobs can be asked for without a worker's name")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.at("t")
    await run.rest()
    await run.activate(run.activation("t", 1, worker=""))


NOTHING = "Requests for nothing"


@scenario(
    "no jobs or fewer can be asked for",
    differs=Difference(
        why=NOTHING,
        zeebe=("activate: 0 jobs", "activate: 0 jobs"),
        ours=("activate: INVALID_ARGUMENT", "activate: INVALID_ARGUMENT"),
    ),
)
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.at("t")
    await run.rest()
    await run.activate(run.activation("t", 0))
    await run.activate(run.activation("t", -1))


@scenario(
    "asking for jobs with a blank type of spaces",
    differs=Difference(why=NOTHING, zeebe=("activate: 0 jobs",), ours=("activate: INVALID_ARGUMENT",)),
)
async def _(run: Run) -> None:
    request = run.activation("t", 1)
    request.type = "   "
    await run.activate(request)


@scenario("jobs of another tenant are refused where there are no tenants")
async def _(run: Run) -> None:
    for tenants in (["<default>"], ["other"], ["<default>", "other"]):
        request = run.activation("t", 1)
        request.tenantIds.extend(tenants)
        await run.activate(request)


@scenario("another tenant is refused where there are none")
async def _(run: Run) -> None:
    await run.deploy(task())
    for tenant in ("other", "<default>"):
        creation = run.creation("p", None, -1, (), 0)
        creation.tenantId = tenant
        await run.call(f"create for {tenant}", "CreateProcessInstance", creation)
        message = pb.PublishMessageRequest(name=run.name("m"), correlationKey="1", tenantId=tenant)
        await run.call(f"publish for {tenant}", "PublishMessage", message)
        signal = pb.BroadcastSignalRequest(signalName=run.name("s"), tenantId=tenant)
        await run.call(f"broadcast for {tenant}", "BroadcastSignal", signal)
        resource = pb.Resource(name="t.bpmn", content=task())
        await run.call(
            f"deploy for {tenant}",
            "DeployResource",
            pb.DeployResourceRequest(resources=[resource], tenantId=tenant),
        ) if tenant == "other" else None


@scenario("unknown jobs are not found")
async def _(run: Run) -> None:
    for key in (2251799813685249 + 10**12, 2251799813685249 + 10**13):
        await run.complete(key)
        await run.fail(key, 1)
        await run.throw(key, "E")
        await run.set_retries(key, 1)
        await run.set_timeout(key, 1000)


@scenario(
    "a timeout may be set to nothing or less",
    differs=Difference(
        why=NOTHING,
        zeebe=("set timeout: OK", "set timeout: OK"),
        ours=("set timeout: INVALID_ARGUMENT", "set timeout: INVALID_ARGUMENT"),
    ),
)
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    one = await run.job("t")
    await run.set_timeout(one, 0)
    await run.set_timeout(one, -1)


@scenario("a backoff may be negative")
async def _(run: Run) -> None:
    await run.deploy(task())
    await run.create()
    await run.fail(await run.job("t"), 2, backoff_ms=-1000)
    await run.rest()
    await run.do("t")


@scenario("a definition's key and its process id together")
async def _(run: Run) -> None:
    await run.deploy(task())
    request = run.creation("nobody", None, -1, (), 0)
    request.processDefinitionKey = run.definition
    await run.call("create", "CreateProcessInstance", request)


@scenario("a file whose name has no ending is refused")
async def _(run: Run) -> None:
    for name in ("", "file", "file.txt"):
        resource = pb.Resource(name=name, content=task())
        await run.call(f"deploy {name!r}", "DeployResource", pb.DeployResourceRequest(resources=[resource]))


@scenario(
    "a key that names no partition",
    differs=Difference(
        why="Keys of no partition", zeebe=("cancel: UNAVAILABLE",), ours=("cancel: NOT_FOUND",)
    ),
)
async def _(run: Run) -> None:
    await run.cancel(0)
