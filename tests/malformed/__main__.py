"""Feeds malformed records: ``python -m tests.malformed --records 1000000``. In = accepted + refused + dead letters."""

import argparse
import asyncio
import gc
import sys
from random import Random
from time import process_time

from tests.deterministic.world import quiet
from tests.malformed.intake import Account, bad_commands, bad_requests, feed_commands, feed_requests

ROUND = 1_000


def fuzz(seed: int) -> tuple[Account, Account]:
    """One round: as many requests as commands."""
    rng = Random(seed)
    requests = asyncio.run(feed_requests(bad_requests(rng, ROUND)))
    return requests, asyncio.run(feed_commands(bad_commands(rng, ROUND)))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.malformed", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=1, help="seed of the first round")
    asked = parser.parse_args()
    quiet()
    totals, began, status = (Account(), Account()), process_time(), 0
    for seed in range(asked.first, asked.first + max(1, asked.records // (2 * ROUND))):
        for total, account in zip(totals, fuzz(seed), strict=True):
            total.add(account)
            if not account.balanced:
                print(f"round {seed}: {account}; alone: python -m tests.malformed --records 2000 --first {seed}")
                status = 1
        if seed % 10 == 0:
            gc.collect()
        if seed % 50 == 0:
            print(f"round {seed}: {totals[0].records + totals[1].records} records so far", file=sys.stderr, flush=True)
    for name, total in zip(("requests", "commands"), totals, strict=True):
        print(f"{name}: {total}")
    print(f"{process_time() - began:.0f} s of CPU")
    return status


if __name__ == "__main__":
    sys.exit(main())
