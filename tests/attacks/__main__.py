"""All attacks, with a table of what held: `python -m tests.attacks [--count 400] [--only KIND]`.

The folders of the attacks are temporary; nothing else is written.
"""

import argparse
import collections
import itertools
import sys
import time

from tests.attacks import PARTS, load
from tests.attacks.harness import MEMORY, SECONDS, attempt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="damaged files of a kind")
    parser.add_argument("--only", choices=PARTS, help="one part of the attacks")
    parser.add_argument("--one-of", type=int, default=1, help="try one of so many attacks")
    chosen = parser.parse_args()
    held: collections.Counter[str] = collections.Counter()
    tried: collections.Counter[str] = collections.Counter()
    slowest = largest = 0.0
    started = time.monotonic()
    for part in [chosen.only] if chosen.only else PARTS:
        for attack in itertools.islice(load(part)(chosen.count), 0, None, chosen.one_of):
            outcome = attempt(attack)
            tried[attack.kind] += 1
            held[attack.kind] += not outcome.fault
            slowest, largest = max(slowest, outcome.seconds), max(largest, outcome.memory)
            if outcome.fault:
                print(f"! {attack.kind}: {attack.name}: {outcome.fault}", flush=True)
                print(f"  {outcome.line[-600:]}", flush=True)
    width = max(map(len, tried))
    for kind, count in tried.items():
        print(f"{kind:<{width}}  {held[kind]:>5} of {count}")
    print(f"held {held.total()} of {tried.total()} in {time.monotonic() - started:.0f} s")
    print(
        f"the slowest took {slowest:.1f} s of the processor (bound {SECONDS:g}), the largest "
        f"{int(largest) >> 20} MiB (bound {MEMORY >> 20})"
    )
    sys.exit(held != tried)


if __name__ == "__main__":
    main()
