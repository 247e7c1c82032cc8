"""The smallest whole program: a parcel waits for its payment, then it is shipped."""

import asyncio
from datetime import timedelta
from pathlib import Path

from procession import Job, Procession

app = Procession("sqlite:///parcels.db")
app.deploy(Path(__file__).with_name("parcel.bpmn"))


@app.task("parcel_ship", retries=5, backoff=timedelta(seconds=10), timeout=timedelta(minutes=1))
async def ship(job: Job, order_id: str, amount: float) -> dict[str, str]:
    print(f"shipping {order_id}, paid {amount:.2f}")
    return {"tracking_number": f"EX-{order_id}"}  # becomes a variable


async def main() -> None:
    async with app:  # the node and the workers run in this process
        parcel = await app.start(
            "parcel",
            {"order_id": "A-1"},
            business_key="A-1",
            idempotency_key="shop-7/A-1",  # a repeated start answers the same instance
        )
        await app.publish(
            "payment-received",
            correlation_key="A-1",
            variables={"amount": 19.90},
            ttl=timedelta(hours=1),
        )
        print(await parcel.result(timeout=timedelta(seconds=30)))


if __name__ == "__main__":
    asyncio.run(main())
