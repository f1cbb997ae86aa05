"""Links four registries in clear text with Splink on DuckDB, for comparison with `symbolon link`.

The settings are those of somebody who knows the registries but has no labels and uses no national
number: columns harmonised in SQL, u from random pairs, m by EM from two training blocks, clusters of
all links above a threshold. The truth is read after the linkage, to score it.

With --symbolon the program links the same files, before Splink does, and ratios are printed. It goes
first because Linux counts the memory of a program that starts another towards the peak of that other.
"""

import argparse
import json
import logging
import os
import platform
import resource
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import duckdb
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.blocking_rule_library import CustomRule

SCHEMA = Path(__file__).parents[2] / "examples/four-registries/schema.toml"
LATEST_YEAR = 2025

# What to read from each registry for a person, as SQL over its columns.
IN_PARTS = {
    "given": "concat_ws(' ', given_name, second_name)",
    "surname": "surname",
    "birth": "birth_date",
    "father": "father_name",
    "mother": "mother_name",
    "address": "address_line1",
}
REGISTRIES = {
    "crvs": IN_PARTS,
    "id": IN_PARTS,
    "sr": {
        "given": r"regexp_replace(full_name, '(\S)\s+\S+\s*$', '\1')",
        "surname": r"regexp_extract(full_name, '\S\s+(\S+)\s*$', 1)",
        "birth": "coalesce(birth_date, (left(registration_date, 4)::INT - age::INT)::VARCHAR)",
        "father": "father_name",
        "mother": "mother_name",
        "address": "address_line1",
    },
    "ibr": {
        "given": "CASE WHEN contains(name, ',') THEN split_part(name, ',', 2) ELSE name END",
        "surname": "CASE WHEN contains(name, ',') THEN split_part(name, ',', 1) END",
        "birth": "birth_date",
    },
}

MACROS = rf"""
CREATE MACRO words(text) AS
    nullif(trim(regexp_replace(strip_accents(lower(text)), '[^a-z0-9]+', ' ', 'g')), '');
CREATE MACRO person(text) AS nullif(regexp_replace(words(text), '^(md|mohd) ', ''), '');
CREATE MACRO iso_date(text) AS CASE
    WHEN regexp_full_match(text, '\d{{4}}-\d\d-\d\d') THEN text
    WHEN regexp_full_match(text, '\d\d[./]\d\d[./]\d{{4}}')
        THEN right(text, 4) || '-' || text[4:5] || '-' || text[1:2]
    WHEN regexp_full_match(text, '\d\d\.\d\d\.\d\d')
        THEN CASE WHEN right(text, 2)::INT > {LATEST_YEAR % 100} THEN '19' ELSE '20' END
            || right(text, 2) || '-' || text[4:5] || '-' || text[1:2]
END;
"""

HARMONISE = r"""
CREATE TABLE {name} AS
WITH raw AS (
    SELECT record_id,
        person({given}) AS all_given, person({surname}) AS surname,
        iso_date({birth}) AS birth_date, regexp_extract({birth}, '^\d{{4}}$') AS only_year,
        CASE WHEN lower(sex) IN ('male', 'm', '1') THEN 'm'
            WHEN lower(sex) IN ('female', 'f', '2') THEN 'f' END AS sex,
        person({father}) AS father, person({mother}) AS mother,
        words({address}) AS address, words(locality) AS locality,
        sub_region_code AS sub_region, region_code AS region,
        nullif(regexp_replace(phone_number, '\D', '', 'g'), '') AS phone
    FROM read_csv('{path}', header = true, all_varchar = true)
)
SELECT * EXCLUDE (all_given, only_year),
    split_part(all_given, ' ', 1) AS given,
    nullif(concat_ws(' ', all_given, surname), '') AS name,
    list_sort(string_split(nullif(concat_ws(' ', all_given, surname), ''), ' ')) AS name_parts,
    coalesce(left(birth_date, 4), nullif(only_year, ''))::INT AS birth_year,
    birth_date[6:] AS birth_day
FROM raw
"""

PREDICTION_RULES = [
    block_on("birth_date"),
    block_on("given", "surname"),
    block_on("phone"),
    block_on("surname", "birth_year", "sub_region"),
    block_on("given", "birth_year", "sub_region"),
    block_on("given", "birth_day"),
    block_on("given", "father"),
    block_on("father", "birth_year"),
    block_on("mother", "birth_year"),
    block_on("given", "locality"),
    CustomRule("l.given = r.surname AND l.surname = r.given"),
]
TRAINING_RULES = [block_on("birth_date"), block_on("given", "surname")]
CERTAIN_RULES = [block_on("name", "birth_date"), block_on("given", "birth_date", "phone")]
CERTAIN_RULES_RECALL = 0.5
SEED = 1
STRICTER = (0.99, 0.999)  # scored too, outside of the time


def main():
    options = parse_options()
    report = {"machine": machine(), "versions": versions(), "threads": options.threads}
    if options.symbolon:
        report["symbolon"] = run_symbolon(options)
    report["splink"] = run_splink(options)
    if options.symbolon:
        report["symbolon_to_splink"] = ratios(report["symbolon"], report["splink"])
    print(json.dumps(report, indent=2))


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the registries and the truth")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--threshold", type=float, default=0.95, help="match probability of a link")
    parser.add_argument("--random-pairs", type=float, default=1e6, help="pairs to learn u from")
    parser.add_argument("--symbolon", help="the program, built with --release, to run on the same files")
    return parser.parse_args()


def machine():
    """The processors and how busy they are as we start."""
    return {"cores": os.cpu_count(), "load": os.getloadavg()[0], "started": time.strftime("%Y-%m-%d %H:%M")}


def versions():
    found = {name: version(name) for name in ("splink", "duckdb", "sqlglot")}
    return found | {"python": platform.python_version()}


def run_splink(options):
    connection = duckdb.connect()
    connection.execute(f"SET threads = {options.threads}")
    clock = StageClock()
    linker, records = load(connection, options.data)
    clock.stop("load")
    train(linker, options.random_pairs)
    clock.stop("train")
    pairs = linker.inference.compute_blocked_pairs_for_predict()
    links = linker.inference.predict(threshold_match_probability=options.threshold)
    clock.stop("predict")
    found = cluster(linker, links, options.threshold)
    clock.stop("cluster")
    result = {
        "seconds": clock.stages(),
        "processor_seconds": clock.processor_seconds(),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "records": records,
        "pairs": count(connection, pairs.physical_name),
        "links": count(connection, links.physical_name),
    }
    stricter = {
        threshold: score(connection, cluster(linker, links, threshold), options.data)
        for threshold in STRICTER
        if threshold > options.threshold
    }
    return result | score(connection, found, options.data) | {"stricter": stricter}


def cluster(linker, links, threshold):
    """Clusters of the links from this match probability up: a query of source, record_id, cluster_id."""
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(links, threshold)
    return f"SELECT source_dataset AS source, record_id, cluster_id FROM {clusters.physical_name}"


class StageClock:
    """Wall seconds of one stage after another, and processor seconds of all."""

    def __init__(self):
        self.wall = {}
        self.started = self.latest = time.perf_counter()
        self.processor_before = time.process_time()

    def stop(self, stage):
        now = time.perf_counter()
        self.wall[stage] = now - self.latest
        self.latest = now

    def stages(self):
        return self.wall | {"all": self.latest - self.started}

    def processor_seconds(self):
        return time.process_time() - self.processor_before


def load(connection, folder):
    """Harmonises the registries into one table each: the linker, and how many records there are."""
    connection.execute(MACROS)
    api = DuckDBAPI(connection)
    tables = [harmonise(connection, api, folder, name) for name in REGISTRIES]
    linker = Linker(tables, settings(), log_level=logging.WARNING)
    return linker, sum(count(connection, table.physical_name) for table in tables)


def harmonise(connection, api, folder, name):
    columns = dict.fromkeys(("father", "mother", "address"), "NULL::VARCHAR") | REGISTRIES[name]
    table = f"registry_{name}"
    connection.execute(HARMONISE.format(name=table, path=folder / f"{name}.csv.gz", **columns))
    return api.register(table, dataset_display_name=name)


def count(connection, table):
    return connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]


def settings():
    return SettingsCreator(
        link_type="link_and_dedupe",
        unique_id_column_name="record_id",
        comparisons=[
            compare_given_names(),
            compare_birth_dates(),
            cl.ExactMatch("sex"),
            compare_families(),
            compare_homes(),
        ],
        blocking_rules_to_generate_predictions=PREDICTION_RULES,
        retain_matching_columns=False,
    )


def compare_given_names():
    """First given names, which tell siblings apart; they may stand elsewhere in the other name."""
    elsewhere = "list_contains(name_parts_l, given_r) OR list_contains(name_parts_r, given_l)"
    return cl.CustomComparison([
        cll.NullLevel("given"),
        cll.ExactMatchLevel("given", term_frequency_adjustments=True),
        cll.JaroWinklerLevel("given", 0.92),
        cll.JaroWinklerLevel("given", 0.88),
        cll.ColumnsReversedLevel("given", "surname", symmetrical=True),
        cll.CustomLevel(elsewhere, "given name elsewhere in the name"),
        cll.JaroWinklerLevel("given", 0.7),
        cll.ElseLevel(),
    ], output_column_name="given")


def compare_birth_dates():
    """Dates, of which the day may be unknown: left out, or written as the first of January."""
    swapped = (
        "birth_year_l = birth_year_r AND "
        "birth_day_l[1:2] = birth_day_r[4:5] AND birth_day_l[4:5] = birth_day_r[1:2]"
    )
    day_unknown = (
        "birth_year_l = birth_year_r AND "
        "(coalesce(birth_day_l, '01-01') = '01-01' OR coalesce(birth_day_r, '01-01') = '01-01')"
    )
    return cl.CustomComparison([
        cll.NullLevel("birth_year"),
        cll.ExactMatchLevel("birth_date", term_frequency_adjustments=True),
        cll.CustomLevel(swapped, "day and month swapped"),
        cll.DamerauLevenshteinLevel("birth_date", 1),
        cll.CustomLevel(day_unknown, "same year, day unknown"),
        cll.ExactMatchLevel("birth_day"),
        cll.ExactMatchLevel("birth_year"),
        cll.AbsoluteDifferenceLevel("birth_year", 1),
        cll.AbsoluteDifferenceLevel("birth_year", 10),
        cll.ElseLevel(),
    ], output_column_name="birth_date")


def compare_families():
    """Surname and parents in one comparison: taken apart, they would make siblings one person."""
    father, mother, surname = (cll.JaroWinklerLevel(name, 0.88) for name in ("father", "mother", "surname"))
    same_surname = cll.ExactMatchLevel("surname", term_frequency_adjustments=True)
    return cl.CustomComparison([
        cll.And(*map(cll.NullLevel, ("surname", "father", "mother"))),
        cll.And(father, mother, surname),
        cll.And(father, mother),
        cll.And(cll.Or(father, mother), surname),
        cll.Or(father, mother),
        same_surname,
        surname,
        cll.ArrayIntersectLevel("name_parts", 2),
        cll.JaroWinklerLevel("surname", 0.7),
        cll.ElseLevel(),
    ], output_column_name="family")


def compare_homes():
    """Phone, address and place in one comparison: a household shares them all."""
    return cl.CustomComparison([
        cll.And(cll.NullLevel("phone"), cll.NullLevel("locality"), cll.NullLevel("sub_region")),
        cll.ExactMatchLevel("phone", term_frequency_adjustments=True),
        cll.LevenshteinLevel("phone", 1),
        cll.And(cll.ExactMatchLevel("address"), cll.ExactMatchLevel("locality")),
        cll.ExactMatchLevel("locality", term_frequency_adjustments=True),
        cll.ExactMatchLevel("sub_region"),
        cll.ExactMatchLevel("region"),
        cll.ElseLevel(),
    ], output_column_name="home")


def train(linker, random_pairs):
    training = linker.training
    training.estimate_probability_two_random_records_match(CERTAIN_RULES, recall=CERTAIN_RULES_RECALL)
    training.estimate_u_using_random_sampling(max_pairs=random_pairs, seed=SEED)
    for rule in TRAINING_RULES:
        training.estimate_parameters_using_expectation_maximisation(rule)


def run_symbolon(options):
    """Runs the program on the same files and scores its clusters likewise."""
    with tempfile.TemporaryDirectory() as folder:
        parties = [f"--party={name}={options.data / name}.csv.gz" for name in REGISTRIES]
        how = ["--out", folder, "--threads", str(options.threads)]
        command = [options.symbolon, "link", str(SCHEMA), *parties, *how]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            raise SystemExit(f"symbolon link failed with {os.waitstatus_to_exitcode(status)}")
        clusters = f"read_csv('{folder}/clusters.csv', all_varchar = true)"
        found = f"SELECT source, record_id, cluster_id FROM {clusters}"
        return {
            "seconds": {"all": seconds},
            "processor_seconds": used.ru_utime + used.ru_stime,
            "peak_mib": used.ru_maxrss / 1024,
        } | score(duckdb.connect(), found, options.data)


def score(connection, found, folder):
    """Clusters, and precision, recall and F1 over the pairs in them, within and across registries."""
    persons = f"read_csv('{folder}/truth.csv.gz', all_varchar = true)"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE scored AS
        SELECT * FROM ({found})
        JOIN (SELECT lower(registry) AS source, record_id, person_id FROM {persons}) USING (source, record_id)
    """)
    true, predicted, both = (
        pairs_within(connection, keys) for keys in ("person_id", "cluster_id", "person_id, cluster_id")
    )
    clusters = connection.execute("SELECT count(DISTINCT cluster_id) FROM scored").fetchall()[0][0]
    return {
        "clusters": clusters,
        "precision": both / predicted,
        "recall": both / true,
        "f1": 2 * both / (true + predicted),
    }


def pairs_within(connection, keys):
    """How many pairs of records agree on the keys."""
    groups = f"SELECT count(*) AS n FROM scored GROUP BY {keys}"
    return connection.execute(f"SELECT sum(n * (n - 1) // 2)::BIGINT FROM ({groups})").fetchall()[0][0]


def ratios(ours, theirs):
    """Ours to theirs: below one, ours takes less."""
    return {
        "wall": ours["seconds"]["all"] / theirs["seconds"]["all"],
        "processor": ours["processor_seconds"] / theirs["processor_seconds"],
        "peak": ours["peak_mib"] / theirs["peak_mib"],
    }


if __name__ == "__main__":
    main()
