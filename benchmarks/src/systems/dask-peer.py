"""The benchmark's workloads on dask.distributed: dask-peer.py WORKLOAD SIZE, prints a JSON object of metrics.

The same as ../workloads/*.ts, in what a user of Dask would write: two worker processes of one thread, no dashboard.
"""

import hashlib
import json
import logging
import random
import sys
import threading
import time
from contextlib import contextmanager

from distributed import Client, LocalCluster, as_completed

WORKERS = 2
MIB = 1024 * 1024
FILL = 7
PAGE_BYTES = 4096
BLOCK_BYTES = 262_144
WAIT_S = 0.020
IN_FLIGHT = 16
COLUMNS = 8
GRAINS_US = (4000, 2000, 1000, 500, 250, 125, 60, 30, 15)
DEEP_BYTES = 5 * MIB
LOOK_S = 0.005
# Python compiles nothing meanwhile, so once is enough.
CPU_WARM_UP = 1
# A Dask task has a thread while it waits; more than this made the run slower here.
TIMER_THREADS = 200


def noop(value):
    return value


def increment(value):
    return value + 1


def add(left, right):
    return left + right


def make_bytes(size):
    return bytes([FILL]) * size


def checksum(data):
    return len(data) + sum(data[::PAGE_BYTES])


def expected_checksum(size):
    return size + FILL * -(-size // PAGE_BYTES)


def mix(us, left, middle, right):
    end = time.perf_counter() + us / 1e6
    while time.perf_counter() < end:
        pass
    return (left + 2 * middle + 3 * right + 1) % 1_000_003


def hash_block(seed):
    return hashlib.sha256(random.Random(seed).randbytes(BLOCK_BYTES)).hexdigest()


def timer(seconds):
    start = time.perf_counter()
    time.sleep(seconds)
    return time.perf_counter() - start


@contextmanager
def session(threads=1):
    with LocalCluster(
        n_workers=WORKERS,
        threads_per_worker=threads,
        processes=True,
        dashboard_address=None,
        silence_logs=logging.ERROR,
    ) as cluster, Client(cluster) as client:
        yield client


def check(seen, wanted):
    if seen != wanted:
        sys.exit(f"wrong result: {str(seen)[:200]} instead of {str(wanted)[:200]}")


def timed(work):
    start = time.perf_counter()
    value = work()
    return value, time.perf_counter() - start


def mapped(client, function, inputs):
    return client.gather(client.map(function, inputs, pure=False))


def measure_noop(size):
    with session() as client:
        mapped(client, noop, range(size // 5))
        value, seconds = timed(lambda: mapped(client, noop, range(size)))
        check(value, list(range(size)))
        return {"throughput": size / seconds}


def measure_submit(size):
    with session() as client:

        def submit_all(count):
            return client.gather([client.submit(noop, index, pure=False) for index in range(count)])

        submit_all(size // 5)
        value, seconds = timed(lambda: submit_all(size))
        check(value, list(range(size)))
        return {"throughput": size / seconds}


def measure_latency(size):
    with session() as client:
        for index in range(50):
            client.submit(noop, index, pure=False).result()
        micros = []
        for index in range(size):
            value, seconds = timed(lambda: client.submit(noop, index, pure=False).result())
            check(value, index)
            micros.append(seconds * 1e6)
        micros.sort()
        return {"p50": micros[size // 2], "p99": micros[int(size * 0.99)]}


def measure_chain(size):
    with session() as client:

        def run_chain(length):
            last = client.submit(increment, 0, pure=False)
            for _ in range(1, length):
                last = client.submit(increment, last, pure=False)
            return last.result()

        run_chain(size // 5)
        value, seconds = timed(lambda: run_chain(size))
        check(value, size)
        return {"throughput": size / seconds}


def measure_tree(size):
    with session() as client:

        # Written as one graph of Dask's low-level form: three times faster here than a submit or a `delayed` for each task.
        def reduce_tree(leaves, name):
            graph = {(name, 0, leaf): (noop, leaf) for leaf in range(leaves)}
            level = list(graph)
            height = 0
            while len(level) > 1:
                height += 1
                pairs = zip(level[0::2], level[1::2])
                parents = {(name, height, at): (add, left, right) for at, (left, right) in enumerate(pairs)}
                graph.update(parents)
                level = list(parents) + ([level[-1]] if len(level) % 2 else [])
            return client.get(graph, level[0])

        reduce_tree(size // 5, "warm-up")
        value, seconds = timed(lambda: reduce_tree(size, "tree"))
        check(value, size * (size - 1) // 2)
        return {"throughput": (2 * size - 1) / seconds}


def half_at(reached):
    below = next((at for at, (_, share) in enumerate(reached) if share < 0.5), None)
    if below is None:
        return 0
    us, share = reached[below]
    more_us, more_share = reached[max(below - 1, 0)]
    return us if more_share <= share else us * (more_us / us) ** ((0.5 - share) / (more_share - share))


def measure_stencil(size):
    with session() as client:

        def columns(row, column):
            return row[column - 1], row[column], row[(column + 1) % COLUMNS]

        def run(us):
            def steps():
                row = [client.submit(mix, us, at, at, at, pure=False) for at in range(COLUMNS)]
                for _ in range(1, size):
                    row = [client.submit(mix, us, *columns(row, at), pure=False) for at in range(COLUMNS)]
                return client.gather(row)

            value, seconds = timed(steps)
            wanted = [mix(0, at, at, at) for at in range(COLUMNS)]
            for _ in range(1, size):
                wanted = [mix(0, *columns(wanted, at)) for at in range(COLUMNS)]
            check(value, wanted)
            return us * COLUMNS * size / 1e6 / WORKERS / seconds

        run(125)
        reached = [(us, run(us)) for us in GRAINS_US]
        return {**{f"{us}us": share for us, share in reached}, "half-at": half_at(reached)}


def measure_boot(_size):
    start = time.perf_counter()
    with session() as client:
        check(client.submit(noop, 1).result(), 1)
        first_result = time.perf_counter()
    closed = time.perf_counter()
    return {"first-result": (first_result - start) * 1000, "close": (closed - first_result) * 1000}


def measure_value_64mib(size):
    with session() as client:
        maker, reader = client.scheduler_info()["workers"]

        def relay():
            made = client.submit(make_bytes, size, workers=[maker], pure=False)
            return client.submit(checksum, made, workers=[reader], pure=False).result()

        relay()
        value, seconds = timed(relay)
        check(value, expected_checksum(size))
        return {"time": seconds * 1000}


def measure_values_1mib(size):
    with session() as client:

        def fetch_values(count):
            def submit():
                return client.submit(make_bytes, MIB, pure=False)

            results = as_completed([submit() for _ in range(min(IN_FLIGHT, count))], with_results=True)
            seen = 0
            for _, value in results:
                check(checksum(value), expected_checksum(MIB))
                seen += 1
                if seen + IN_FLIGHT <= count:
                    results.add(submit())
            check(seen, count)

        fetch_values(size // 5)
        _, seconds = timed(lambda: fetch_values(size))
        return {"throughput": size / seconds}


def measure_deep(size):
    def stored(dask_scheduler):
        return sum(worker.nbytes for worker in dask_scheduler.workers.values())

    with session() as client:
        peak = 0
        done = threading.Event()

        def look():
            nonlocal peak
            while not done.wait(LOOK_S):
                peak = max(peak, client.run_on_scheduler(stored))

        looking = threading.Thread(target=look)
        looking.start()
        value, seconds = timed(
            lambda: client.gather(
                client.map(checksum, client.map(make_bytes, [DEEP_BYTES] * size, pure=False), pure=False)
            )
        )
        done.set()
        looking.join()
        check(value, [expected_checksum(DEEP_BYTES)] * size)
        return {"peak": peak / 1e6, "throughput": size * DEEP_BYTES / 1e6 / seconds}


def measure_cpu(size):
    seeds = list(range(size))
    half = size // WORKERS
    for seed in seeds:
        hash_block(seed)
    first_half, ideal = timed(lambda: [hash_block(seed) for seed in seeds[:half]])
    wanted = first_half + [hash_block(seed) for seed in seeds[half:]]
    with session() as client:
        for _ in range(CPU_WARM_UP):
            mapped(client, hash_block, seeds)
        value, seconds = timed(lambda: mapped(client, hash_block, seeds))
        check(value, wanted)
        return {"time": seconds * 1000, "ratio": seconds / ideal}


def measure_timers(size):
    with session(TIMER_THREADS) as client:
        mapped(client, timer, [WAIT_S] * (size // 5))
        value, seconds = timed(lambda: mapped(client, timer, [WAIT_S] * size))
        check([len(value), all(waited >= WAIT_S for waited in value)], [size, True])
        return {"time": seconds * 1000}


if __name__ == "__main__":
    workload, size = sys.argv[1], int(sys.argv[2])
    measure = globals()["measure_" + workload.replace("-", "_")]
    print(json.dumps(measure(size)))
