"""The anonlink service of symbolon-coordinator, driven by the released anonlink-client from PyPI, against
the anonlink library: the same groups, the same pairs, scores equal to the last bit.

Makes people, encodes and blocks them with the client, then links them over the service: two parties for
groups, similarity scores and permutations, with and without blocks, and three parties for groups. The
library gets the same encodings in this process. Then tells how long both took for two parties.

Run by a Python with requirements-anonlink.txt; the client stands in an environment of its own
(requirements-anonlink-client.txt), since the two do not agree on versions.
"""

import argparse
import base64
import csv
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import datetime
from pathlib import Path

import anonlink
from bitarray import bitarray

SECRET = "a secret for made-up people"
BLOCKING = {
    "type": "lambda-fold",
    "version": 1,
    "config": {
        "blocking-features": [1, 2],
        "Lambda": 5,
        "bf-len": 2048,
        "num-hash-funcs": 5,
        "K": 20,
        "random_state": 0,
        "input-clks": False,
    },
}


def main():
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        client = Client(options.client, options.server)
        parties = make_parties(client, folder, options.records)
        with Service(options.program, options.server, folder):
            for blocked in (False, True):
                check(client, folder, parties[:2], options.low_threshold, blocked)
            check_three(client, folder, parties, options.low_threshold)
            measure(client, folder, parties[:2], options.threshold, options.rounds)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="symbolon-coordinator, built with --release")
    parser.add_argument("client", help="the program anonlink of anonlink-client 0.1.5")
    parser.add_argument("--server", default="http://127.0.0.1:8851")
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--threshold", type=float, default=0.85, help="of the measured run")
    parser.add_argument("--low-threshold", type=float, default=0.7, help="where results are compared: many are alike")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


class Service:
    """The coordinator with nothing but the anonlink service, for as long as the block lasts."""

    def __init__(self, program, server, folder):
        listen = server.removeprefix("http://")
        self.command = [program, "run", "--dir", str(folder / "state"), "--anonlink-listen", listen]
        self.server = server

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                urllib.request.urlopen(self.server + "/api/v1/status")
                return self
            except OSError:
                time.sleep(0.1)
        sys.exit("the service did not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Client:
    """The commands of anonlink-client."""

    def __init__(self, program, server):
        self.program, self.server = program, server

    def local(self, *arguments):
        subprocess.run([self.program, *map(str, arguments)], check=True, capture_output=True)

    def call(self, out, command, **options):
        flags = [part for name, value in options.items() for part in flag(name, value)]
        positional = [str(options["clks"])] if "clks" in options else []
        run = [self.program, command, "--server", self.server, *flags, "-o", str(out), *positional]
        done = subprocess.run(run, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{command} failed: {done.stderr}")
        return json.loads(Path(out).read_text())

    def link(self, folder, parties, result_type, threshold, blocked=False):
        """The result for the project's owner, for each party, and the run's status at its end."""
        made = folder / "answer.json"
        more = {"blocked": True} if blocked else {}
        project = self.call(made, "create-project", schema=folder / "schema.json", type=result_type,
                            parties=len(parties), name="compared", **more)
        receipts = []
        for party, token in zip(parties, project["update_tokens"]):
            more = {"blocks": party["blocks"]} if blocked else {}
            sent = self.call(made, "upload", project=project["project_id"], apikey=token, clks=party["clks"], **more)
            receipts.append(sent["receipt_token"])
        known = {"project": project["project_id"], "apikey": project["result_token"]}
        run = self.call(made, "create", threshold=threshold, **known)
        of_run = {"run": run["run_id"], "watch": True}
        result = self.call(made, "results", **known, **of_run)
        of_parties = []
        if result_type == "permutations":
            of_parties = [self.call(made, "results", project=project["project_id"], apikey=receipt, **of_run)
                          for receipt in receipts]
        status = self.status(project, run)
        self.local("delete-project", "--server", self.server, "--project", project["project_id"],
                   "--apikey", project["result_token"])
        return result, of_parties, status

    def status(self, project, run):
        path = f"/api/v1/projects/{project['project_id']}/runs/{run['run_id']}/status"
        asked = urllib.request.Request(self.server + path, headers={"Authorization": project["result_token"]})
        return json.loads(urllib.request.urlopen(asked).read())


def flag(name, value):
    if name == "clks":
        return []
    return [f"--{name}"] if value is True else [f"--{name}", str(value)]


def make_parties(client, folder, records):
    """Three parties of made-up people, half of whom all three have."""
    people, schema = folder / "people.csv", folder / "schema.json"
    client.local("generate", 2 * records, people)
    client.local("generate-default-schema", schema)
    (folder / "blocking.json").write_text(json.dumps(BLOCKING))
    rows = list(csv.reader(people.read_text().splitlines()))
    parties = []
    for index in range(3):
        start = 1 + index * records // 4
        own = folder / f"party-{index}"
        with open(f"{own}.csv", "w", newline="") as out:
            csv.writer(out).writerows([rows[0], *map(spoil, rows[start:start + records])])
        client.local("hash", f"{own}.csv", SECRET, schema, f"{own}.json")
        client.local("block", f"{own}.csv", folder / "blocking.json", f"{own}-blocks.json")
        clks = json.loads(Path(f"{own}.json").read_text())["clks"]
        blocks = json.loads(Path(f"{own}-blocks.json").read_text())["blocks"]
        parties.append({
            "clks": f"{own}.json",
            "blocks": f"{own}-blocks.json",
            "encodings": [bits(clk) for clk in clks],
            "block_sets": {int(record): set(ids) for record, ids in blocks.items()},
        })
    return parties


spoiled = 0


def spoil(row):
    """Every third record has a typing error, in another place each time."""
    global spoiled
    spoiled += 1
    if spoiled % 3:
        return row
    name = row[1]
    at = spoiled // 3 % max(1, len(name) - 1)
    return [row[0], name[:at] + name[at + 1:at + 2] + name[at:at + 1] + name[at + 2:], *row[2:]]


def bits(clk):
    encoding = bitarray()
    encoding.frombytes(base64.b64decode(clk))
    return encoding


def candidates(parties, threshold, blocked=False):
    blocks = [party["block_sets"] for party in parties]
    more = {"blocking_f": lambda party, record, _: blocks[party].get(record, ())} if blocked else {}
    encodings = [party["encodings"] for party in parties]
    dice = anonlink.similarities.dice_coefficient
    return anonlink.candidate_generation.find_candidate_pairs(encodings, dice, threshold, **more)


def in_order(groups):
    return sorted(sorted(map(tuple, group)) for group in groups)


def check(client, folder, parties, threshold, blocked):
    found = candidates(parties, threshold, blocked)
    scores, (left, right), (i, j) = found
    expected = [[[a, b], [c, d], score] for score, a, c, b, d in zip(scores, left, right, i, j)]
    groups = in_order(anonlink.solving.greedy_solve(found))
    name = "with blocks" if blocked else "without blocks"
    told, _, _ = client.link(folder, parties, "similarity_scores", threshold, blocked)
    demand(told["similarity_scores"] == expected, f"pairs, {name}")
    told, _, _ = client.link(folder, parties, "groups", threshold, blocked)
    demand(in_order(told["groups"]) == groups, f"groups, {name}")
    told, orders, _ = client.link(folder, parties, "permutations", threshold, blocked)
    demand(permuted(told["mask"], *(order["permutation"] for order in orders)) == groups, f"permutations, {name}")
    print(f"two parties {name}: {len(expected)} pairs, {len(groups)} groups, all equal")


def permuted(mask, *orders):
    """The groups that two permutations and their mask stand for."""
    at = [{place: record for record, place in enumerate(order)} for order in orders]
    return in_order([(0, at[0][place]), (1, at[1][place])] for place, matched in enumerate(mask) if matched)


def check_three(client, folder, parties, threshold):
    for blocked in (False, True):
        groups = in_order(anonlink.solving.greedy_solve(candidates(parties, threshold, blocked)))
        told, _, _ = client.link(folder, parties, "groups", threshold, blocked)
        demand(in_order(told["groups"]) == groups, "groups of three parties")
        largest = max(map(len, groups))
        print(f"three parties{', with blocks' if blocked else ''}: {len(groups)} groups of up to {largest}, all equal")


def demand(holds, what):
    if not holds:
        sys.exit(f"not equal: {what}")


def measure(client, folder, parties, threshold, rounds):
    theirs, ours, whole = [], [], []
    for _ in range(rounds):
        start = time.perf_counter()
        anonlink.solving.greedy_solve(candidates(parties, threshold))
        theirs.append(time.perf_counter() - start)
        start = time.perf_counter()
        _, _, status = client.link(folder, parties, "groups", threshold)
        whole.append(time.perf_counter() - start)
        started, completed = (datetime.fromisoformat(status[f"time_{what}"]) for what in ("started", "completed"))
        ours.append((completed - started).total_seconds())
    counts = " x ".join(str(len(party["encodings"])) for party in parties)
    print(f"{counts}, groups at {threshold}, best of {rounds}:")
    print(f"  anonlink library, candidates and groups, one core  {min(theirs):7.3f} s")
    print(f"  our run from start to completion, durable, all cores {min(ours):7.3f} s")
    print(f"  ratio {min(theirs) / min(ours):.1f}; all commands of the client together {min(whole):.1f} s")


if __name__ == "__main__":
    main()
