"""Encode random data under random linkage schemas with clkhash 0.18.3 and with symbolon, and compare.

    python3 -m venv venv && venv/bin/pip install -r benches/peers/requirements-clkhash.txt
    cargo build --release --bin symbolon
    venv/bin/python benches/peers/clkhash_differential.py --symbolon target/release/symbolon --rounds 300

Every round makes a schema of version 1, 2 or 3 and some rows; some schemas and some values are bad.
Both have to give the same CLKs, or both have to refuse. The seed is printed, and `--seed` with
`--rounds 1` repeats one round; what differs is kept in the directory `differing`.
"""

import argparse
import csv
import io
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from clkhash import clk
from clkhash.schema import from_json_dict
from clkhash.serialization import serialize_bitarray

LETTERS = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ  -'.0123456789") + list("éßñŁøİıſǆςΣдЖ漢字🙂\u0301\u00a0\u3000٣５½²")
NAMES = ["Ana", "Björn", "O'Neill", "de la Cruz", "Nguyễn", "x", "", " ", "Ａ", "straße", "İstanbul", "σας"]
DATES = ["%Y-%m-%d", "%d/%m/%Y", "%Y%m%d", "%d/%m/%y", "%d %b %Y", "%B %d, %Y", "%j %Y", "%A %d.%m.%Y", "%Y-%m-%d %H:%M:%S",
         "%x", "%c", "%Y-%m-%dT%H:%M:%S%z", "%I:%M %p %d%m%Y", "%y%j", "%d%%%m%%%Y", "%m", "%D", "%d %d", "%Y%", "%Z %Y-%m-%d"]
PATTERNS = [r"[a-zA-Z]+", r"\d{1,5}", r"\w+", r"[^\d\s]*", r"(?i)[a-j]+.*", r".*", r"(a|b)?.+", r"\S+(\s\S+)*", r"[[a-z]*",
            r"(?P<x>.)(?P=x)?.*", r"(?=.*\d).*", r"[\w .'-]*", r"(?!x).*$", r"\D*\Z", r"[\x20-\x7e]*", r"\b.*\b", r".{,12}",
            r"(?x) [a-z ]+ # letters", r"(.)\1?.*", r"[\W\w]*", r"\p{L}", r"(", r"a**", r"(?:[A-Z][a-z]*\s?)+", r"[-a\]^&&~]*|.*",
            r"(?s).*", r"(?a)\w*", r"(?<!z).*", r"(?<=x?)y", r"[a-\d]", r"x{2,1}", r"(?#c).*", r"(?>a*).*", r".*+", r"\07?.*"]


def coin(rng, chance):
    return rng.random() < chance


def text(rng):
    if coin(rng, 0.5):
        return rng.choice(NAMES)
    return "".join(rng.choice(LETTERS) for _ in range(rng.choice([0, 1, 2, 3, 5, 8, 13, 40])))


def integer(rng):
    number = str(rng.choice([0, 1, 7, 42, 2021, 99999, 10**18, 2**63, 10**40, rng.randrange(10**6)]))
    number = rng.choice(["", "", "", "-", "+", " ", "-0", "00", "- ", "\u3000", "\x1c"]) + number
    if coin(rng, 0.1):
        number = number[:1] + "_" + number[1:]
    if coin(rng, 0.1):
        number = number.translate({48 + digit: 0x660 + digit for digit in range(10)})
    return number + rng.choice(["", "", "", "", " ", "\n", "\x85"])


def real(rng):
    return rng.choice([
        integer(rng), repr(rng.uniform(-1000, 1000)), repr(rng.gauss(0, 1)), "%.3f" % rng.uniform(0, 10), "%.1f" % rng.uniform(0, 10),
        "%e" % rng.uniform(-1e20, 1e20), ".5", "5.", "1e3", "1_0.5", "0.25", "0.125", "2.5", "-2.5", "1e22", "1e300", "nan", "inf", "1e999",
        "٣.٥", " 1.5 ", "0x10", "", "1__0", "1e-5", "9007199254740993", "123456789012345678901234567890.5"])


def date(rng, form):
    import datetime
    when = datetime.datetime(rng.choice([1, 33, 987, 1900, 1968, 1969, 2000, 2020, 2021, 9999]), rng.randrange(1, 13), rng.randrange(1, 29),
                             rng.randrange(24), rng.randrange(60), rng.randrange(60), tzinfo=datetime.timezone.utc)
    try:
        written = when.strftime(form)
    except ValueError:
        written = "2020-01-02"
    year = str(when.year)
    if "%Y" in form and len(year) < 4:
        written = written.replace(year, year.zfill(4), 1)
    change = rng.random()
    if change < 0.05:
        written = written.upper()
    elif change < 0.1:
        written = written.replace(" ", "  ")
    elif change < 0.13:
        written = written.replace("0", "", 1)
    elif change < 0.16:
        written = written[:-1] + rng.choice("0123456789 xZ")
    elif change < 0.18:
        written = written.translate({48 + digit: 0xFF10 + digit for digit in range(10)})
    return written


def number(rng, *choices):
    """A number of a schema, at times in a form or of a size that is refused."""
    if coin(rng, 0.01):
        return rng.choice([0, -1, 2.5, "3", None, True, 10**30])
    return rng.choice(choices)


def form(rng):
    kind = rng.choice(["string", "string", "pattern", "integer", "date", "enum", "real"])
    if kind == "pattern":
        made = {"type": "string", "pattern": rng.choice(PATTERNS)}
    elif kind in ("string", "real"):
        made = {"type": "string"}
        if kind == "string" and coin(rng, 0.2):
            made["case"] = rng.choice(["upper", "lower", "mixed"])
        if coin(rng, 0.1):
            made["minLength"] = number(rng, 0, 0, 1, 1.0)
        if coin(rng, 0.1):
            made["maxLength"] = number(rng, 60, 100, 60.0, 10**25)
    elif kind == "integer":
        made = {"type": "integer"}
        if coin(rng, 0.2):
            made["minimum"] = number(rng, -(10**41), 0, -5, -0.0, 1e2)
        if coin(rng, 0.2):
            made["maximum"] = number(rng, 10**41, 10**18, 2**63, 1e40)
    elif kind == "date":
        made = {"type": "date", "format": rng.choice(DATES)}
    else:
        made = {"type": "enum", "values": rng.sample(NAMES, rng.randrange(1, 9))}
    if made["type"] == "string" and coin(rng, 0.4):
        made["encoding"] = rng.choice(["ascii", "utf-8", "utf-16", "utf-32"])
    if coin(rng, 0.1):
        made["description"] = text(rng)
    return kind, made


def hash_type(rng):
    return rng.choice([{"type": "blakeHash"}, {"type": "blakeHash"}, {"type": "doubleHash"}, {"type": "doubleHash", "prevent_singularity": True},
                       {"type": "doubleHash", "prevent_singularity": False}] + ([{"type": "blakeHash", "prevent_singularity": False}] if coin(rng, 0.02) else []))


def comparison(rng, kind):
    if kind in ("real", "integer") and coin(rng, 0.7):
        made = {"type": "numeric", "thresholdDistance": number(rng, 1, 2, 7, 8, 2.5, 0.5, 0.1, 12.345, 100.0, 10**20, 1e25, 1e-9),
                "resolution": number(rng, 1, 2, 3, 5, 10)}
        if coin(rng, 0.6):
            made["fractional_precision"] = number(rng, 0, 1, 2, 3, 6, 25)
        return made
    if coin(rng, 0.25):
        return {"type": "exact"}
    made = {"type": "ngram", "n": number(rng, 1, 2, 2, 3, 4, 7)}
    if coin(rng, 0.6):
        made["positional"] = coin(rng, 0.5)
    return made


def feature(rng, version, name):
    if coin(rng, 0.12):
        made = {"identifier": name, "ignored": True}
        if coin(rng, 0.3):
            made["description"] = "d"
        if coin(rng, 0.05):
            made["extra"] = 1
        return made, text
    kind, made = form(rng)
    full = {"identifier": name, "format": made}
    hashing = {}
    full["hashing"] = hashing
    if version == 3:
        hashing["comparison"] = comparison(rng, kind)
        hashing["strategy"] = {rng.choice(["bitsPerToken", "bitsPerFeature"]): number(rng, 1, 5, 10, 20, 33, 70, 200, 8.0)}
        if coin(rng, 0.05):
            full["ignored"] = coin(rng, 0.5)
    else:
        hashing["ngram"] = number(rng, 1, 2, 2, 3)
        if coin(rng, 0.4):
            hashing["positional"] = coin(rng, 0.5)
        if version == 2:
            hashing["strategy"] = {rng.choice(["k", "numBits"]): number(rng, 1, 10, 25, 200, 12.0)}
        elif coin(rng, 0.7):
            hashing["weight"] = number(rng, 0, 0.0, 0.5, 1, 1.5, 2, 0.3, 2.5, 1e-3)
        if version == 1 and coin(rng, 0.05):
            hashing[rng.choice(["strategy", "hash", "comparison", "foo"])] = {}
        if coin(rng, 0.02):
            full["ignored"] = coin(rng, 0.5)
    if version > 1 and coin(rng, 0.7):
        hashing["hash"] = hash_type(rng)
    if coin(rng, 0.3):
        hashing["missingValue"] = {"sentinel": rng.choice(["", "-", "0", "Ana"])}
        if coin(rng, 0.7):
            hashing["missingValue"]["replaceWith"] = rng.choice(["", "x", "+7", "12", "é"])

    def value(rng):
        if coin(rng, 0.01):
            return text(rng)
        if "missingValue" in hashing and coin(rng, 0.1):
            return hashing["missingValue"]["sentinel"]
        if made["type"] == "integer":
            return str(rng.randrange(-100, 10**5)) if coin(rng, 0.9) else integer(rng)
        if made["type"] == "date":
            return date(rng, made["format"])
        if made["type"] == "enum":
            return rng.choice(made["values"])
        if hashing.get("comparison", {}).get("type") == "numeric":
            return "%.2f" % rng.uniform(-50, 500) if coin(rng, 0.8) else real(rng)
        written = text(rng)
        if made.get("case") in ("upper", "lower") and coin(rng, 0.97):
            written = getattr(written, made["case"])()
        if made.get("encoding") == "ascii" and coin(rng, 0.99):
            written = written.encode("ascii", "ignore").decode()
        return written

    return full, value


def schema(rng):
    version = rng.choice([1, 2, 3, 3, 3])
    kdf = {"type": "HKDF"}
    if coin(rng, 0.5):
        kdf["hash"] = rng.choice(["SHA256", "SHA512"])
    if coin(rng, 0.5):
        kdf["salt"] = rng.choice(["", "c2FsdA==", "c2 Fs\ndA==", "AAEC/w==", "c2FsdA==" * 2, "c2Fsd"])
    if coin(rng, 0.5):
        kdf["info"] = rng.choice(["", "aW5mbw==", "aW5m"])
    if coin(rng, 0.4):
        kdf["keySize"] = number(rng, 1, 16, 32, 64, 64, 100)
    config = {"l": number(rng, 64, 128, 256, 512, 1024, 2048, 4096, 100, 8), "kdf": kdf}
    if coin(rng, 0.4):
        config["xor_folds"] = rng.choice([0, 1, 1, 2, 3, 7])
    if coin(rng, 0.1):
        config["xorFolds"] = number(rng, 0, 1, 2)
    if version == 1:
        config["k"] = number(rng, 1, 5, 10, 15, 20, 5.0)
        config["hash"] = hash_type(rng)
    elif coin(rng, 0.1):
        config["k"] = 3
    made = [feature(rng, version, "column %d" % place) for place in range(rng.choice([1, 2, 3, 4, 6]))]
    document = {"version": version if coin(rng, 0.98) else rng.choice([4, "3", None, True, 3.0]), "clkConfig": config,
                "features": [one for one, _ in made]}
    return document, [value for _, value in made]


def reference(document, written, secret, header):
    """The CLKs of clkhash, or none when it refuses or fails."""
    import copy
    try:
        made = from_json_dict(copy.deepcopy(document))
        rows = clk.generate_clk_from_csv(io.StringIO(written, newline=None), secret, made, header=header, progress_bar=False, max_workers=1)
        return [serialize_bitarray(row) for row in rows], ""
    except Exception as error:
        return None, " ".join(("%s: %s" % (type(error).__name__, error)).split())


def ours(program, directory, document, written, secret):
    (directory / "schema.json").write_text(json.dumps(document), encoding="utf-8")
    (directory / "data.csv").write_bytes(written.encode("utf-8"))
    (directory / "secret").write_bytes(secret.encode("utf-8"))
    (directory / "secret").chmod(0o600)
    ran = subprocess.run([program, "encode", "--schema", "schema.json", "--secret-file", "secret", "--secret-verbatim", "--input", "data.csv",
                          "--output", "-"], cwd=directory, capture_output=True)
    if ran.returncode != 0:
        if b"panicked" in ran.stderr:
            print("PANIC", ran.stderr.decode())
        return None, ran.stderr.decode()
    return json.loads(ran.stdout)["clks"], ""


def write_csv(rng, identifiers, rows):
    out = io.StringIO()
    writer = csv.writer(out, quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), lineterminator=rng.choice(["\n", "\r\n"]))
    writer.writerow(identifiers)
    writer.writerows(rows)
    return out.getvalue()


def good_rows(rng, values, document, secret):
    """Rows of which clkhash takes most: those it refuses alone are mostly left out."""
    identifiers = [one["identifier"] for one in document["features"]]
    rows = []
    for _ in range(rng.choice([1, 5, 20])):
        row = [value(rng) for value in values]
        out = io.StringIO()
        csv.writer(out).writerow(row)
        taken, _ = reference(document, out.getvalue(), secret, False)
        yield identifiers, row, taken is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--symbolon", required=True)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    program = str(pathlib.Path(arguments.symbolon).resolve())
    first = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**9)
    print("seed", first)
    counts = {"same": 0, "both refuse": 0, "differ": 0}
    for seed in range(first, first + arguments.rounds):
        rng = random.Random(seed)
        document, values = schema(rng)
        secret = rng.choice(["secret", "", "clé 鍵\n", "x" * 200])
        tried = list(good_rows(rng, values, document, secret))
        # Files of good rows, and each bad row alone.
        files = [[row for _, row, good in tried if good]] + [[row] for _, row, good in tried if not good][:4]
        for rows in files:
            written = write_csv(rng, tried[0][0], rows)
            expected, said = reference(document, written, secret, True)
            with tempfile.TemporaryDirectory() as directory:
                got, told = ours(program, pathlib.Path(directory), document, written, secret)
            verdict = "differ" if got != expected else "same" if got is not None else "both refuse"
            counts[verdict] += 1
            if verdict == "differ" and not (pathlib.Path("differing") / ("%d.json" % seed)).exists():
                kept = pathlib.Path("differing")
                kept.mkdir(exist_ok=True)
                (kept / ("%d.json" % seed)).write_text(json.dumps({"schema": document, "csv": written, "secret": secret}, indent=1))
                print("DIFFER seed", seed, "| clkhash:", said[:300] or "takes it", "| symbolon:", told.strip() or "takes it")
    print(counts)
    sys.exit(1 if counts["differ"] else 0)


if __name__ == "__main__":
    main()
