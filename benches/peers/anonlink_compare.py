"""All pairs of two sets of encodings above a threshold: the anonlink library and our search, in turn.

Both get the same encodings, on the same number of cores, and must find the same pairs with the same
scores in the same order. anonlink's time is that of `dice_coefficient` alone, with its input already
in bit arrays; ours includes laying out the encodings and putting the pairs in order. On two cores
anonlink gets half of the left set for each, as its service divides work.

Of several rounds the best counts. Processor time is told beside wall time: where other programs
run, it is the steadier one.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from struct import iter_unpack

import anonlink
from bitarray import bitarray

ENCODING_BYTES = 128


def main():
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        left, right = (str(Path(folder, name)) for name in ("left", "right"))
        made = subprocess.run(
            [options.program, "make", str(options.records), left, right],
            check=True, capture_output=True, text=True,
        )
        print(f"{options.records} x {options.records} encodings of 1024 bits; {made.stdout.strip()}")
        sets = [encodings(path) for path in (left, right)]
        for threshold in options.thresholds:
            for cores in options.cores:
                compare(options, sets, (left, right), threshold, cores)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the example clk_pairs of the crate link, built with --release")
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.8, 0.9])
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def encodings(path):
    data = Path(path).read_bytes()
    rows = (data[start:start + ENCODING_BYTES] for start in range(0, len(data), ENCODING_BYTES))
    return [bit_array(row) for row in rows]


def bit_array(row):
    bits = bitarray()
    bits.frombytes(row)
    return bits


def compare(options, sets, paths, threshold, cores):
    theirs, ours = [], []
    for _ in range(options.rounds):
        theirs.append(run_anonlink(sets, threshold, cores))
        ours.append(run_ours(options.program, paths, threshold, cores))
        if theirs[-1]["found"] != ours[-1]["found"]:
            sys.exit(f"at {threshold} the pairs or scores differ")
    report(options.records, threshold, cores, theirs, ours)


def report(records, threshold, cores, theirs, ours):
    best = {
        (name, kind): min(run[kind] for run in runs)
        for name, runs in (("anonlink", theirs), ("ours", ours))
        for kind in ("wall", "processor")
    }
    counts = ours[0]["report"]
    print(f"threshold {threshold}, {cores} core(s), {counts['found']} pairs, all equal:")
    for name in ("anonlink", "ours"):
        wall, processor = best[name, "wall"], best[name, "processor"]
        rate = records * records / wall / 1e6
        print(f"  {name:8} wall {wall:7.3f} s ({rate:6.0f} M pairs/s), processor {processor:7.3f} s")
    for kind in ("wall", "processor"):
        print(f"  ratio of {kind} time: {best['anonlink', kind] / best['ours', kind]:.1f}")
    share = counts["completed"] / counts["pairs"]
    print(f"  ours examined {counts['examined']} of {counts['pairs']} pairs, {share:.2e} of all to the end;"
          f" peak memory {max(run['memory'] for run in ours) / 1024:.0f} MiB")


def run_anonlink(sets, threshold, cores):
    wall, processor = time.perf_counter(), processor_time()
    if cores == 1:
        found = anonlink_rows(sets, threshold, 0, len(sets[0]))
    else:
        found = anonlink_divided(sets, threshold, cores)
    return {
        "wall": time.perf_counter() - wall,
        "processor": processor_time() - processor,
        "found": found,
    }


def anonlink_divided(sets, threshold, cores):
    global shared
    shared = (sets, threshold)
    rows = len(sets[0])
    bounds = [(rows * part // cores, rows * (part + 1) // cores) for part in range(cores)]
    with multiprocessing.get_context("fork").Pool(cores) as pool:
        parts = pool.starmap(anonlink_part, bounds, chunksize=1)
        pool.close()
        pool.join()
    return sorted((pair for part in parts for pair in part), key=lambda pair: (-pair[0], *pair[1:]))


def anonlink_part(start, end):
    sets, threshold = shared
    return anonlink_rows(sets, threshold, start, end)


def anonlink_rows(sets, threshold, start, end):
    left, right = sets
    scores, (lefts, rights) = anonlink.similarities.dice_coefficient((left[start:end], right), threshold)
    return [(score, start + i, j) for score, i, j in zip(scores, lefts, rights)]


def processor_time():
    own, children = os.times()[:2], os.times()[2:4]
    return sum(own) + sum(children)


def run_ours(program, paths, threshold, cores):
    with tempfile.NamedTemporaryFile() as pairs:
        command = [program, "search", str(threshold), str(cores), *paths, pairs.name]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        told = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit("our search failed")
        found = list(iter_unpack("<dII", Path(pairs.name).read_bytes()))
    return {
        "wall": told["seconds"],
        "processor": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss,
        "report": told,
        "found": found,
    }


if __name__ == "__main__":
    main()
