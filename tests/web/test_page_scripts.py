"""The parts of the page's scripts that are plain functions, in node."""

import json
import os
import re
import subprocess
from importlib.resources import files
from typing import Any

import pytest

pytestmark = pytest.mark.needs("node")

ENVIRONMENT = {**os.environ, "LC_ALL": "en_US.UTF-8"}
DASH = "\N{EN DASH}"  # there is no value
STATIC = files("raythumbs.web.page") / "static"


def evaluated(script: str) -> Any:
    """Run a module that imports from the page; return what it gives to `tell`."""
    head = "".join(
        f"import * as {name} from {json.dumps((STATIC / f'{name}.js').as_uri())};" for name in ("format", "rates")
    )
    module = f"{head} const tell = (value) => console.log(JSON.stringify(value)); {script}"
    command = ["node", "--no-warnings", "--input-type=module", "--eval", module]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=ENVIRONMENT)
    return json.loads(ended.stdout)


def test_times_sizes_and_names_are_written_for_people():
    told = evaluated("""
        tell({
            durations: [null, 0, 0.34, 0.9996, 2.44, 59.96, 200, 3600, 7500, 90000, 259200].map(format.duration),
            sizes: [null, 999, 1000, 1_450_000, 2e12].map(format.size),
            names: [
                {fileName: "cat.jpg", source: "file:///x"}, {source: "s3://photos/2026/a b.jpg"},
                {source: "file:///100%25.jpg"}, {source: "s3://photos/100%.jpg"},
            ].map(format.nameOf),
            many: [format.many(1, "photo"), format.many(2, "photo")],
            rates: [0, 0.25, 99.94, 1500].map(format.rate),
        })
    """)

    assert told == {
        "durations": [
            DASH, "0 ms", "340 ms", "1.0 s", "2.4 s", "1 min", "3 min 20 s", "1 h", "2 h 5 min", "1 d 1 h", "3 d",
        ],
        "sizes": [DASH, "999 B", "1.0 kB", "1.5 MB", "2.0 TB"],
        "names": ["cat.jpg", "a b.jpg", "100%.jpg", "100%.jpg"],
        "many": ["1 photo", "2 photos"],
        "rates": ["0", "0.3", "99.9", "1,500"],
    }  # fmt: skip


def test_the_rate_is_that_of_the_last_five_seconds_or_else_the_services_own():
    told = evaluated("""
        const after = (...added) => {
            const counts = new rates.Counts();
            added.forEach(([at, done]) => counts.add({at: 1000 * at, done, overall: 7}));
            return (seconds) => counts.rate(1000 * seconds);
        };
        tell({
            nothing: after()(0),
            beginning: after([0, 10])(1),
            steady: after(...Array.from({length: 30}, (_, at) => [at, 4 * at]))(29),
            afterAPause: after([0, 10], [100, 20])(100),
            idle: after([0, 10], [100, 20])(105),
            pruned: after([0, 10], [100, 2])(101),
            highest: after([0, 1e6], [100, 1e6])(101),
        })
    """)

    assert told == {
        "nothing": 0, "beginning": 7, "steady": 4, "afterAPause": 2, "idle": 0, "pruned": 7, "highest": 7,
    }  # fmt: skip


def test_no_script_imports_what_it_does_not_use_or_exports_what_no_other_one_imports():
    scripts = {path.name: path.read_text() for path in STATIC.iterdir() if path.name.endswith(".js")}
    imported = {
        (name, word.strip())
        for name, text in scripts.items()
        for words in re.findall(r"import \{([^}]*)\}", text)
        for word in words.split(",")
        if word.strip()
    }
    exported = {
        (name, word)
        for name, text in scripts.items()
        for word in re.findall(r"export (?:async )?(?:const|function|class) (\w+)", text)
    }

    assert [(name, word) for name, word in imported if len(re.findall(rf"\b{word}\b", scripts[name])) < 2] == []
    assert [(name, word) for name, word in exported if word not in {used for _, used in imported}] == []
