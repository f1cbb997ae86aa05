"""Encode the same file under the same schema with clkhash 0.18.3 and with symbolon on one core, and compare.

    python3 -m venv venv && venv/bin/pip install -r benches/peers/requirements-clkhash.txt
    cargo build --release --bin symbolon
    venv/bin/python benches/peers/clkhash_encode.py --symbolon target/release/symbolon

The CLKs have to be the same bytes. Both are timed in turns, by the processor's time of the process, so
that other work on the machine disturbs less; what is printed is the best of the rounds. clkhash encodes
the first `--reference-rows` only: it is slower by far. Its start is not counted; symbolon's is.
"""

import argparse
import io
import json
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time

from clkhash import clk
from clkhash.schema import from_json_dict
from clkhash.serialization import serialize_bitarray

SECRET = "secret"
SYLLABLES = ["ka", "ri", "mo", "ten", "sa", "lo", "ber", "ham", "wil", "son", "ne", "ta", "gar", "dun", "ley", "ford", "mar", "stein", "vic", "os"]
GIVEN = ["olivia", "noah", "amelia", "jack", "charlotte", "william", "mia", "thomas", "isla", "james", "ava", "oliver", "grace", "lucas"]


def schema(per_feature, hash_name):
    def feature(name, form, comparison, bits_per_token, bits_per_feature):
        strategy = {"bitsPerFeature": bits_per_feature} if per_feature else {"bitsPerToken": bits_per_token}
        return {"identifier": name, "format": form, "hashing": {"comparison": comparison, "strategy": strategy, "hash": {"type": hash_name}}}

    bigrams = {"type": "ngram", "n": 2}
    digits = {"type": "ngram", "n": 1, "positional": True}
    return {"version": 3, "clkConfig": {"l": 1024, "kdf": {"type": "HKDF", "hash": "SHA256", "salt": "c2FsdA==", "keySize": 64}}, "features": [
        {"identifier": "rec_id", "ignored": True},
        feature("given_name", {"type": "string"}, bigrams, 15, 200),
        feature("surname", {"type": "string"}, bigrams, 15, 200),
        feature("street", {"type": "string"}, bigrams, 15, 200),
        feature("postcode", {"type": "string", "minLength": 4, "maxLength": 4}, digits, 20, 100),
        feature("date_of_birth", {"type": "date", "format": "%Y-%m-%d"}, digits, 30, 200)]}


def data(rows):
    rng = random.Random(1)
    written = io.StringIO()
    written.write("rec_id,given_name,surname,street,postcode,date_of_birth\n")
    for number in range(rows):
        surname = "".join(rng.choice(SYLLABLES) for _ in range(rng.choice([2, 3, 3])))
        street = "%d %s street" % (rng.randrange(1, 400), "".join(rng.choice(SYLLABLES) for _ in range(3)))
        born = "%04d-%02d-%02d" % (rng.randrange(1920, 2020), rng.randrange(1, 13), rng.randrange(1, 29))
        given = rng.choice(GIVEN) + (rng.choice(SYLLABLES) if rng.random() < 0.4 else "")
        written.write("rec-%d,%s,%s,%s,%04d,%s\n" % (number, given, surname, street, rng.randrange(800, 8000), born))
    return written.getvalue()


def time_clkhash(document, written):
    made = from_json_dict(json.loads(json.dumps(document)))
    start = time.process_time()
    rows = clk.generate_clk_from_csv(io.StringIO(written), SECRET, made, progress_bar=False, max_workers=1)
    clks = [serialize_bitarray(row) for row in rows]
    return clks, time.process_time() - start


def time_symbolon(program, directory):
    def spent():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    start = spent()
    subprocess.run([program, "encode", "--schema", "schema.json", "--secret-file", "secret", "--input", "data.csv", "--output", "clks.json",
                    "--threads", "1"], cwd=directory, check=True, stderr=subprocess.DEVNULL)
    return spent() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--symbolon", required=True)
    parser.add_argument("--rows", type=int, default=400000)
    parser.add_argument("--reference-rows", type=int, default=20000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    program = str(pathlib.Path(arguments.symbolon).resolve())
    written = data(arguments.rows)
    head = "".join(written.splitlines(True)[: arguments.reference_rows + 1])
    print("%-34s %14s %14s %8s" % ("records a second, one core", "clkhash 0.18.3", "symbolon", "ratio"))
    same = True
    for per_feature in (False, True):
        for hash_name in ("blakeHash", "doubleHash"):
            document = schema(per_feature, hash_name)
            with tempfile.TemporaryDirectory() as name:
                directory = pathlib.Path(name)
                (directory / "schema.json").write_text(json.dumps(document))
                (directory / "data.csv").write_text(written)
                (directory / "secret").write_text(SECRET)
                (directory / "secret").chmod(0o600)
                theirs, ours = [], []
                for _ in range(arguments.rounds):
                    clks, spent = time_clkhash(document, head)
                    theirs.append(arguments.reference_rows / spent)
                    ours.append(arguments.rows / time_symbolon(program, directory))
                # As text: the whole file has to begin with what the reference would write.
                expected = json.dumps({"clks": clks})[:-2]
                with open(directory / "clks.json", encoding="ascii") as file:
                    same = same and file.read(len(expected)) == expected
            label = "%s, %s" % (hash_name, "bits per feature" if per_feature else "bits per token")
            print("%-34s %14.0f %14.0f %8.1f" % (label, max(theirs), max(ours), max(ours) / max(theirs)))
    print("encodings are the same bytes" if same else "ENCODINGS DIFFER")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
